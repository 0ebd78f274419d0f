migrate::plan! {
    pub mod change;

    stage dual_write;
    extern fn app.cents(numeric) -> bigint immutable strict;

    extern fn app.cents(numeric) -> bigint immutable strict;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => cents: bigint not null {
            up   app.cents(total);
            down cents / 100.0;
        }
    }
}

fn main() {}
