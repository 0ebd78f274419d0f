migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        visits: bigint not null => share: double precision not null;
    }
}

fn main() {}
