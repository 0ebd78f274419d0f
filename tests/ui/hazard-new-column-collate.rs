migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        name: text => label: text collate "C";
    }
}

fn main() {}
