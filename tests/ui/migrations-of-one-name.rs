migrate::plan! {
    pub mod first;

    stage dual_write;

    table orders {
        total: text => label: text;
    }
}

mod other {
    migrate::plan! {
        pub mod first;

        stage dual_write;

        table orders {
            nick: text => name: text;
        }
    }
}

static MIGRATIONS: migrate::Migrations = migrate::migrations![first, other::first];

fn main() {
    println!("{}", MIGRATIONS.plans().len());
}
