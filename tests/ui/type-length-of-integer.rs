migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: integer(11) not null => amount: integer not null;
    }
}

fn main() {}
