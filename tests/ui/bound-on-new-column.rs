migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: integer not null => amount: bigint not null between 0 and 100;
    }
}

fn main() {}
