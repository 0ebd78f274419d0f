migrate::plan! {
    pub mod orders_total_cents;

    stage switch;

    table orders {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   round(total * 100)::bigint;
            down total_cents / 100.0;
        }
    }
}

static MIGRATIONS: migrate::Migrations = migrate::migrations![orders_total_cents];

fn main() {
    println!("{}", MIGRATIONS.plans().len());
}
