migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => amount: numeric(12, 2) not null;
        add column gross numeric generated always as (total * 2) stored;
    }
}

fn main() {}
