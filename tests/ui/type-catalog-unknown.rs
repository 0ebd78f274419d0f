migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: pg_catalog.int44 not null => amount: integer not null;
    }
}

fn main() {}
