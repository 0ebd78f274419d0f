#![deny(deprecated)]

migrate::plan! {
    pub mod change;

    stage switch;

    table orders {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   round(total * 100)::bigint;
            down total_cents / 100.0;
        }
    }
}

use change::orders::old::*;

fn main() {
    println!("select {total} from orders");
}
