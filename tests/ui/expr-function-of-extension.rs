migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        label: text not null => plain: text not null {
            up   unaccent(label);
            down plain;
        }
    }
}

fn main() {}
