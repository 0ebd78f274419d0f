migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => amount: numeric(12, 2) not null;
    }

    select pg_advisory_lock(7);
}

fn main() {}
