migrate::plan! {
    pub mod change;

    stage dual_writ;

    table orders (id: bigit, currency: text not null) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   round(totl * 100)::bigint;
            down total_cents / 100,0;
        }
        nick: text => nick: text;
    }
}

fn main() {}
