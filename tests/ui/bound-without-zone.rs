migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        at: timestamptz not null between "2020-01-01 00:00:00" and "2030-01-01 00:00:00Z" => created_at: timestamptz not null;
    }
}

fn main() {}
