migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => total_cents: integer not null {
            up   round(total * 100)::integer;
            down total_cents / 100.0;
        }
    }
}

fn main() {}
