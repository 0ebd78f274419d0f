migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: integer not null default null => amount: integer not null;
    }
}

fn main() {}
