migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        code: bigint not null => number: bigint not null primary key;
    }
}

fn main() {}
