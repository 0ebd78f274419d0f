migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (
        id: bigint,
        currency: text not null default "EUR",
        paid: boolean not null,
        tags: text[] not null,
        doc: jsonb not null,
        at: timestamptz(3) not null,
        day: date,
    ) {
        total: numeric(20, 2) not null default 0 between 0 and 1_000_000 => total_cents: bigint not null {
            up CASE
                WHEN currency = "JPY" OR NOT paid THEN total
                WHEN currency LIKE "E%" AND currency !~ "X$" THEN trunc(total, 1)
                WHEN currency IN ("A", "B") THEN total + 0x10 - 1_000 % 7
                WHEN total BETWEEN 1 AND 2.5e3 THEN abs(-total)
                WHEN day IS NOT DISTINCT FROM date "2020-01-01" THEN extract(epoch from at at time zone "UTC")
                WHEN "x" = any (tags) OR tags @> array["a", "b"] THEN cardinality(tags)
                WHEN doc ? "k" AND doc ->> "k" <> "" THEN coalesce((doc #>> array["a", "b"])::numeric(6, 1), 0)
                WHEN tags[1] IS NOT NULL THEN coalesce(nullif(length(trim(both "-" from currency)), 0), 1)
                WHEN (at at time zone "UTC")::date = day THEN cast(substring(currency from 1 for 2) as integer)
                ELSE ((total * 100) ^ 1)::bigint | 0
            END::bigint;
            down total_cents / 100.0;
            lossy "what other columns say is mixed in";
        }
    }
}

fn main() {}
