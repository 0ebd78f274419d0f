migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        paid: integer not null => is_paid: boolean not null {
            up   paid <> 0;
            down is_paid::integer;
        }
    }
}

fn main() {}
