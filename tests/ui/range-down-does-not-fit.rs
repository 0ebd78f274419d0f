migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        total: numeric(5, 2) not null => halves: integer not null {
            up   round(total * 2)::integer;
            down halves / 2.0;
            lossy "rounded to halves";
        }
    }
}

fn main() {}
