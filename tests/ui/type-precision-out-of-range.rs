migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: numeric(1001, 2) not null => amount: numeric(10, 2) not null;
    }
}

fn main() {}
