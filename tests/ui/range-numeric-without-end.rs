migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric not null => total_cents: bigint not null {
            up   round(total * 100)::bigint;
            down total_cents / 100.0;
            lossy "rounded";
        }
    }
}

fn main() {}
