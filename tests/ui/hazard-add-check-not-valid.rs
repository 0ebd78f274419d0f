migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => amount: numeric(12, 2) not null;
        add constraint total_is_positive check (total > 0) not valid;
    }
}

fn main() {}
