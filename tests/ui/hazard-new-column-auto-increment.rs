migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        number: bigint not null => code: bigint not null auto_increment;
    }
}

fn main() {}
