migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: numeric(12, 2, 1) not null => amount: numeric not null;
    }
}

fn main() {}
