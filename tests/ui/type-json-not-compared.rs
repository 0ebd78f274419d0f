migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        doc: json not null => total_cents: bigint not null {
            up   case when doc = doc then 1 else 0 end::bigint;
            down total_cents::text::json;
        }
    }
}

fn main() {}
