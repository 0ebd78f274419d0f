migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        rate: float(54) not null => factor: double precision not null;
    }
}

fn main() {}
