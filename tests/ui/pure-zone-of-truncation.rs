migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        at: timestamptz not null => day: timestamptz not null {
            up   date_trunc("day", at);
            down day;
        }
    }
}

fn main() {}
