migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null, doc: jsonb not null) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   case when doc - doc = doc then 0 else total end::bigint;
            down total_cents / 100.0;
        }
    }
}

fn main() {}
