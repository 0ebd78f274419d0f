migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        at: timestamp not null => day: date not null;
    }
}

fn main() {}
