migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        at: timestamptz not null => total_cents: bigint not null {
            up   extract(epoch at)::bigint;
            down to_timestamp(total_cents);
        }
    }
}

fn main() {}
