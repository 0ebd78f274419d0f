migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   case when make_date(2020, 1, 1) = "2021-02-29"::date then 1 else total end::bigint;
            down total_cents / 100.0;
        }
    }
}

fn main() {}
