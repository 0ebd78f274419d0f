migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint => key: bigint) {
        total: text => label: text;
    }
}

fn main() {}
