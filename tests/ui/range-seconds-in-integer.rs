migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        at: timestamp(0) not null => seconds: integer not null {
            up   coalesce(extract(epoch from at), 0)::integer;
            down to_timestamp(seconds) at time zone "UTC";
            lossy "nothing";
        }
    }
}

fn main() {}
