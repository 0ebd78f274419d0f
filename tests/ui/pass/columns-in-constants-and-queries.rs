migrate::plan! {
    pub mod change;

    stage dual_write;

    table shop.orders (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   round(total * 100)::bigint;
            down total_cents / 100.0;
        }
    }
}

use change::orders::{new, old};

const COLUMN: migrate::Column<migrate::types::BigInt> = new::total_cents;

fn sum<T>(column: migrate::Column<T>) -> String {
    format!("select sum({column}) from {}.{}", column.schema(), column.table())
}

fn main() {
    assert_eq!(sum(COLUMN), "select sum(\"total_cents\") from shop.orders");
    assert_eq!(sum(old::total), "select sum(\"total\") from shop.orders");
    assert_eq!(COLUMN.sql_type(), "bigint");
}
