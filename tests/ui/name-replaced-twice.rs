migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: text => label: text;
        total: text => name: text;
    }
}

fn main() {}
