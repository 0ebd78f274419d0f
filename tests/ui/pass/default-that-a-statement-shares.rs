migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        at: timestamptz not null default now() => created_at: timestamptz not null default now();
        on_day: date not null default current_date => day: date not null default current_date;
    }
}

fn main() {}
