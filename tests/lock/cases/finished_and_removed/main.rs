migrate::plan! {
    pub mod nick_is_name;

    stage dual_write;

    table users {
        nick: text => name: text;
    }
}

static MIGRATIONS: migrate::Migrations = migrate::migrations![nick_is_name];

fn main() {
    println!("{}", MIGRATIONS.plans().len());
}
