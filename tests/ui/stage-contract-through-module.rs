migrate::plan! {
    pub mod change;

    stage contract;

    table orders {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   round(total * 100)::bigint;
            down total_cents / 100.0;
        }
    }
}

fn main() {
    use change::orders::{new, old};
    println!("select {}, {} from orders", new::total_cents, old::total.name());
}
