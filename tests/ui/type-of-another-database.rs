migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        at: datetime not null => created_at: timestamptz not null;
    }
}

fn main() {}
