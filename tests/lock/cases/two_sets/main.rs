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
    migrate::plan! {
        pub mod nick_is_name;

        stage dual_write;

        table users {
            nick: text => name: text;
        }
    }

    pub static MIGRATIONS: migrate::Migrations = migrate::migrations![nick_is_name];
}

#[cfg(not(test))]
mod fixture {
    migrate::plan! {
        pub mod other;

        stage contract;

        table users {
            nick: text => name: text;
        }
    }

    pub static MIGRATIONS: migrate::Migrations = migrate::migrations![other];
}

fn main() {
    println!("{}", orders::MIGRATIONS.plans().len() + users::MIGRATIONS.plans().len());
    println!("{}", fixture::MIGRATIONS.plans().len());
}
