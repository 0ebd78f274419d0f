migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        flags: bit(8) not null => marks: bit(16) not null;
    }
}

fn main() {}
