migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        doc: json not null between 0 and 1 => document: json not null;
    }
}

fn main() {}
