// The safe form of `set not null`: filled, proven beside writers, then flagged without a scan.
migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        pieces: integer => quantity: integer not null {
            up   coalesce(pieces, 0);
            down quantity;
            lossy "no number becomes 0";
        }
    }
}

fn main() {
    let _: migrate::Column<migrate::types::Nullable<migrate::types::Integer>> = change::orders::old::pieces;
    let _: migrate::Column<migrate::types::Integer> = change::orders::new::quantity;
}
