migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, rate: numeric, tax: numeric, doc: jsonb) {
        total: numeric(12, 2) => total_cents: bigint not null {
            up   round(coalesce(total, 0) * case when rate is null then 1 else rate end
                 * case when tax is not null and tax > 0 then tax when rate > 1 then rate else 1 end
                 + case when doc is null or rate is null then 0 else rate end
                 + greatest(tax, rate, 0) + coalesce((doc ->> "fee")::numeric, 0) + num_nulls(tax, rate))::bigint;
            down nullif(total_cents, 0) / 100.0;
            lossy "other values are mixed in";
        }
    }
}

fn main() {}
