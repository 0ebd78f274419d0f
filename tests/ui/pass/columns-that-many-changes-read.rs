migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null, factor: numeric(12, 0) not null) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up   case when currency = "JPY" then trunc(total) else round(total * 100) end::bigint;
            down case when currency = "JPY" then total_cents else total_cents / 100.0 end;
            lossy "a yen has no hundredths";
        }
        tax: numeric(12, 2) not null => tax_cents: bigint not null {
            up   case when currency = "JPY" then trunc(tax) else round(tax * 100) end::bigint;
            down case when currency = "JPY" then tax_cents else tax_cents / 100.0 end;
            lossy "a yen has no hundredths";
        }
    }
}

fn main() {}
