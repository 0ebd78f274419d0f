migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        doc: json not null => document: jsonb not null;
    }
}

fn main() {}
