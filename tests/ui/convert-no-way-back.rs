migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        hours: int4range => shifts: int4multirange;
    }
}

fn main() {}
