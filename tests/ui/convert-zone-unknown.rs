migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        at: timestamp not null => created_at: timestamptz not null;
    }
}

fn main() {}
