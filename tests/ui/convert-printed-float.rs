migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        ratio: double precision => label: text;
    }
}

fn main() {}
