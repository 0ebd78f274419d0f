migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        at: timestamptz(0) not null => seconds: integer not null {
            up   extract(epoch from at)::integer;
            down to_timestamp(seconds);
            lossy "nothing";
        }
    }
}

fn main() {}
