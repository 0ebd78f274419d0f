migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) => amount: numeric(12, 2) generated always as (total) stored;
    }
}

fn main() {}
