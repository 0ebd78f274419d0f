migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        label: text not null => total_cents: bigint not null {
            up   round(label)::bigint;
            down total_cents::text;
        }
    }
}

fn main() {}
