migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   total +* 100;
            down total_cents::numeric;
        }
    }
}

fn main() {}
