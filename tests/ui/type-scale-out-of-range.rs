migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: numeric(12, 2000) not null => amount: numeric(12, 2) not null;
    }
}

fn main() {}
