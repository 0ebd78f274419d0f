migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            down total_cents / 100.0;
            up   round(total * 100)::bigint;
        }
    }
}

fn main() {}
