migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: numeric(12, 2) not null default 0 => total_cents: bigint {
            up   round(total * 100)::bigint;
            down coalesce(total_cents, 0) / 100.0;
        }
    }
}

fn main() {}
