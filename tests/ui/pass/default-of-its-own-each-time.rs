// The default comes with the last step and is never computed for the rows that exist.
migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        token: uuid not null => key: uuid not null default gen_random_uuid();
        number: bigint not null => code: bigint not null default nextval("orders_number_seq");
        seen: timestamptz not null => seen_at: timestamptz not null default clock_timestamp();
    }
}

fn main() {}
