migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        span: tsrange => period: tsrange exclude using gist (period with &&);
    }
}

fn main() {}
