migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => amount: numeric(10, 2) not null;
    }
}

fn main() {}
