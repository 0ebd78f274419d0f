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

migrate::plan! {
    pub mod nick_is_name;

    stage dual_write;

    table users {
        nick: text => name: text;
    }
}

static MIGRATIONS: migrate::Migrations = migrate::migrations![orders_total_cents, nick_is_name];

fn main() {
    println!("{}", MIGRATIONS.plans().len());
}
