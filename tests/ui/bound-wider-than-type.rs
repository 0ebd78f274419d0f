migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: smallint not null between 0 and 40_000 => amount: bigint not null;
    }
}

fn main() {}
