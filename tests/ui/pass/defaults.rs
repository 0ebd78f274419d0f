migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders {
        at: timestamptz not null default now() => created_at: timestamptz default current_timestamp not null;
        state: text default "new" not null => status: text not null default "new";
        total: numeric(12, 2) not null default 0 => total_cents: bigint not null default 0 {
            up   round(total * 100)::bigint;
            down total_cents / 100.0;
        }
        note: text null default null => remark: text null;
    }
}

fn main() {}
