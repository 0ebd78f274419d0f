migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        visits: bigint not null => visit_count: integer not null;
    }
}

fn main() {}
