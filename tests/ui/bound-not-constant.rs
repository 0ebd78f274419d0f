migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: integer not null between 0 and id => amount: bigint not null;
    }
}

fn main() {}
