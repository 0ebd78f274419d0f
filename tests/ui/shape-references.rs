migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        customer: bigint references customers => client: bigint;
    }
}

fn main() {}
