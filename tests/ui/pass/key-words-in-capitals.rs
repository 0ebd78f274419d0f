migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: BIGINT, currency: TEXT NOT NULL) {
        total: NUMERIC(12, 2) NOT NULL => total_cents: BIGINT NOT NULL {
            up   CASE WHEN currency = "JPY" THEN TRUNC(total) ELSE ROUND(total * 100) END::BIGINT;
            down CASE WHEN currency = "JPY" THEN total_cents ELSE total_cents / 100.0 END;
            lossy "a yen has no hundredths";
        }
    }
}

fn main() {}
