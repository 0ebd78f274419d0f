migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null, span: int4range not null) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   (total * to_char("1", "2")::numeric)::bigint;
            down total_cents / 100.0;
        }
    }
}

fn main() {}
