migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        day: date not null => at: timestamptz not null {
            up   day;
            down (at at time zone "UTC")::date;
        }
    }
}

fn main() {}
