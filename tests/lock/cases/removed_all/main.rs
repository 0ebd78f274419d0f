static MIGRATIONS: migrate::Migrations = migrate::migrations![];

fn main() {
    println!("{}", MIGRATIONS.plans().len());
}
