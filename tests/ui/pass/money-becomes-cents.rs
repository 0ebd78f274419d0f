migrate::plan! {
    /// Money becomes integer cents.
    pub mod orders_total_cents;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   round(total * 100)::bigint;
            down total_cents / 100.0;
        }
    }
}

static MIGRATIONS: migrate::Migrations = migrate::migrations![orders_total_cents];

fn main() {
    use orders_total_cents::orders::{new, old};
    let plan = MIGRATIONS.plans()[0];
    assert_eq!((plan.name.as_ref(), plan.stage), ("orders_total_cents", migrate::Stage::DualWrite));
    let cents: migrate::Column<migrate::types::BigInt> = new::total_cents;
    assert_eq!(format!("select {} from {}", cents, cents.table()), "select \"total_cents\" from orders");
    assert_eq!((old::total.schema(), old::total.sql_type()), ("public", "numeric(12,2)"));
}
