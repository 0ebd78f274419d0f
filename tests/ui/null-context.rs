migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null, factor: integer) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   round(total * factor)::bigint;
            down total_cents / 100.0;
        }
    }
}

fn main() {}
