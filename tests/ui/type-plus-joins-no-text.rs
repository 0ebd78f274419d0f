migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        label: text not null => total_cents: bigint not null {
            up   length(label + "x");
            down total_cents::text;
        }
    }
}

fn main() {}
