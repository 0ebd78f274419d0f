migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        currency: text not null => code: text not null;
    }
}

fn main() {}
