migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        price: money not null => total_cents: bigint not null {
            up   price::numeric::bigint;
            down total_cents::numeric::money;
        }
    }
}

fn main() {}
