migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        address: inet not null => network: cidr not null;
    }
}

fn main() {}
