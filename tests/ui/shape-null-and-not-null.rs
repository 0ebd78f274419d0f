migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: text null not null => label: text;
    }
}

fn main() {}
