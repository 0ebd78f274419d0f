migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: bigit not null => amount: bigint not null;
    }
}

fn main() {}
