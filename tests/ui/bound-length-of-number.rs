migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: integer not null length between 0 and 9 => amount: bigint not null;
    }
}

fn main() {}
