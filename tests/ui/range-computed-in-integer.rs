migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (price: integer not null) {
        quantity: integer not null => amount: bigint not null {
            up   quantity * price;
            down coalesce(amount / nullif(price, 0), 0);
            lossy "the price is forgotten";
        }
    }
}

fn main() {}
