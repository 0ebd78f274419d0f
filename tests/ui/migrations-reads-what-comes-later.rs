migrate::plan! {
    pub mod first;

    stage dual_write;

    table orders (label: text not null) {
        nick: text => name: text { up nick; down name || substr(label, 1, 0); lossy "in theory"; }
    }
}

migrate::plan! {
    pub mod second;

    stage dual_write;

    table orders {
        total: text => label: text;
    }
}

static MIGRATIONS: migrate::Migrations = migrate::migrations![first, second];

fn main() {
    println!("{}", MIGRATIONS.plans().len());
}
