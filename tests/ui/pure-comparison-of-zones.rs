migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null, day: date not null, at: timestamptz not null) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   case when day < at then 1 else total end::bigint;
            down total_cents / 100.0;
        }
    }
}

fn main() {}
