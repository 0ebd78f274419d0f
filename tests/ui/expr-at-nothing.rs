migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        at: timestamptz not null => day: timestamp not null {
            up   at at zone "UTC";
            down day at time zone "UTC";
        }
    }
}

fn main() {}
