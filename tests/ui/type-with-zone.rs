migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        at: timestamp with zone not null => created_at: timestamptz not null;
    }
}

fn main() {}
