migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        number: bigint not null => code: bigserial;
    }
}

fn main() {}
