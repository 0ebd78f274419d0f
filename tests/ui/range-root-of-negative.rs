migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        area: numeric(10, 2) not null => side: double precision not null {
            up   sqrt(area);
            down side ^ 2;
            lossy "rounded";
        }
    }
}

fn main() {}
