migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        pieces: integer => items: integer check (items > 0);
    }
}

fn main() {}
