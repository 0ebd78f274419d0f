migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, id: bigint) {
        total: text => label: text;
    }
}

fn main() {}
