migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        at: timestamptz not null => day: date not null {
            up   at::date;
            down day::timestamp at time zone "UTC";
        }
    }
}

fn main() {}
