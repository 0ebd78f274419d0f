migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: numeric(12, 2) not null => label: text not null {
            up   currency || total;
            down label::numeric;
        }
    }
}

fn main() {}
