migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        customer: integer not null => customer_id: bigint not null {
            up   customer::bigint;
            down customer_id::integer;
        }
    }
}

fn main() {
    let _: migrate::Column<migrate::types::BigInt> = change::orders::new::customer_id;
}
