migrate::plan! {
    pub mod first;

    stage dual_write;

    table orders (total: text not null) {
        nick: text => name: text { up nick; down name || substr(total, 1, 0); lossy "in theory"; }
    }
}

migrate::plan! {
    pub mod second;

    stage contract;

    table orders {
        total: text not null => label: text not null;
    }
}

static MIGRATIONS: migrate::Migrations = migrate::migrations![first, second];

fn main() {
    println!("{}", MIGRATIONS.plans().len());
}
