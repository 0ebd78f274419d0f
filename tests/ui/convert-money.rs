migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        price: money not null => amount: numeric(12, 2) not null;
    }
}

fn main() {}
