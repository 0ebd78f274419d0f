migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => amount: numeric(12, 2) not null;
    }

    alter table orders attach partition orders_2026 for values in (2026);
}

fn main() {}
