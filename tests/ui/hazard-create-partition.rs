migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => amount: numeric(12, 2) not null;
    }

    create table orders_2026 partition of orders for values in (2026);
}

fn main() {}
