migrate::plan! {
    pub mod orders_total_cents;

    stage dual_write;

    table orders {
        total: numeric(14, 2) not null => total_cents: bigint not null {
            up   round(total * 100)::bigint;
            down total_cents / 100.0;
        }
    }
}

static MIGRATIONS: migrate::Migrations = migrate::migrations![orders_total_cents];

fn main() {
    println!("{}", MIGRATIONS.plans().len());
}
