migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: integer not null between 100 and 0 => amount: bigint not null;
    }
}

fn main() {}
