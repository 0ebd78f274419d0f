migrate::plan! {
    pub mod first;

    stage dual_write;

    table orders {
        total: text => label: text;
    }
}

migrate::plan! {
    pub mod second;

    stage dual_write;

    table orders {
        nick: text => label: text;
    }
}

static MIGRATIONS: migrate::Migrations = migrate::migrations![first, second];

fn main() {
    println!("{}", MIGRATIONS.plans().len());
}
