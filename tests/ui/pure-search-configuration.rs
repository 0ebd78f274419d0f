migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        label: text not null => words: tsvector not null {
            up   to_tsvector(label);
            down words::text;
        }
    }
}

fn main() {}
