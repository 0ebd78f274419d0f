migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        name: national text not null => label: text not null;
    }
}

fn main() {}
