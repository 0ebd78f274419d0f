migrate::plan! {
    pub mod change;

    stage dual_write;
    extern fn cents(numeric) -> bigint immutable;

    table orders (id: bigint, currency: text not null) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   round(total * 100)::bigint;
            down total_cents / 100.0;
            lossy "the function may round";
        }
    }
}

fn main() {}
