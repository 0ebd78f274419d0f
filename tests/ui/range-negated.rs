migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        balance: integer not null => debt: integer not null {
            up   -balance;
            down -debt;
        }
    }
}

fn main() {}
