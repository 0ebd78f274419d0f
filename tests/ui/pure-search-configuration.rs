migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        label: text not null => words: tsvector not null {
            up   to_tsvector(label);
            down array_to_string(tsvector_to_array(words), " ");
        }
    }
}

fn main() {}
