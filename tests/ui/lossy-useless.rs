migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   round(total * 100)::bigint;
            down total_cents / 100.0;
            lossy "cents are rounded";
        }
    }
}

fn main() {}
