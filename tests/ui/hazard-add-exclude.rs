migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => amount: numeric(12, 2) not null;
        add constraint no_overlap exclude using gist (period with &&);
    }
}

fn main() {}
