migrate::plan! {
    /// The plan has one mistake, and the code that uses it has none.
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   rond(total * 100)::bigint;
            down total_cents / 100.0;
        }
        nick: text => nickname: text;
    }
}

static MIGRATIONS: migrate::Migrations = migrate::migrations![change];

fn main() {
    use change::orders::{new, old};
    let cents: migrate::Column<migrate::types::BigInt> = new::total_cents;
    println!("{} {} {} {}", old::total, cents, old::nick, new::nickname);
    println!("{} {}", change::PLAN.name, MIGRATIONS.plans().len());
}
