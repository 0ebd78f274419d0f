migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        label: text not null => total_cents: bigint not null {
            up   length(label collate "C");
            down total_cents::text;
        }
    }
}

fn main() {}
