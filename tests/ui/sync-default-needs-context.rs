migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: numeric(12, 2) not null default 0 => total_cents: bigint not null default 0 {
            up   case when currency = "JPY" then total else total * 100 end::bigint;
            down total_cents / 100.0;
        }
    }
}

fn main() {}
