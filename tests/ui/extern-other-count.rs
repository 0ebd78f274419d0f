migrate::plan! {
    pub mod change;

    stage dual_write;
    extern fn app.cents(numeric) -> bigint immutable strict;

    table orders (id: bigint, currency: text not null) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   app.cents(total, currency);
            down total_cents / 100.0;
            lossy "the function may round";
        }
    }
}

fn main() {}
