migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(20, 2) not null between 0 and 1e17 => total_cents: numeric(20, 0) not null {
            up   total * 100;
            down total_cents / 100.0;
        }
    }
}

fn main() {}
