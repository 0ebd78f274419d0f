migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        customer: bigint => client: bigint references customers;
    }
}

fn main() {}
