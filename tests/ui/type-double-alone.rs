migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        rate: double not null => factor: double precision not null;
    }
}

fn main() {}
