migrate::plan! {
    pub mod change;

    stage dual_write;

    /// Cents of an amount.
    extern fn app.cents(numeric) -> bigint immutable strict;
    extern fn app.cents(numeric, integer) -> bigint strict immutable;
    extern fn App."Amount of"(bigint) -> numeric immutable;

    table orders (id: bigint, digits: smallint not null) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   app.cents(total) + app.cents(total, digits);
            down coalesce(App."Amount of"(total_cents), 0);
            lossy "other values are mixed in";
        }
    }
}

fn main() {
    let functions = &change::PLAN.functions;
    assert_eq!(functions.len(), 3);
    assert_eq!(*functions[1].arguments, ["numeric", "integer"]);
    assert!(change::PLAN.declaration.contains("extern fn app.cents(numeric) -> bigint immutable strict\n"));
}
