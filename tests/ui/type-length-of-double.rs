migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        rate: double precision(10) not null => factor: double precision not null;
    }
}

fn main() {}
