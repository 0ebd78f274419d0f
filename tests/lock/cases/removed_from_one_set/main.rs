mod orders {
    migrate::plan! {
        pub mod orders_total_cents;

        stage dual_write;

        table orders {
            total: numeric(12, 2) not null => total_cents: bigint not null {
                up   round(total * 100)::bigint;
                down total_cents / 100.0;
            }
        }
    }

    pub static MIGRATIONS: migrate::Migrations = migrate::migrations![orders_total_cents];
}

mod users {
    pub static MIGRATIONS: migrate::Migrations = migrate::migrations![];
}

fn main() {
    println!("{}", orders::MIGRATIONS.plans().len() + users::MIGRATIONS.plans().len());
}
