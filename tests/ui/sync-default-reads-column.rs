migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: integer not null default id => amount: integer not null;
    }
}

fn main() {}
