migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: i64 not null => amount: bigint not null;
    }
}

fn main() {}
