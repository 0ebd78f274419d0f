migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        code: text => number: text unique;
    }
}

fn main() {}
