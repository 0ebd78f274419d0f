migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric not null between 0 and 1_000_000 => amount: numeric(12, 2) not null {
            up   round(total, 2);
            down amount;
        }
    }
}

fn main() {}
