// The safe form of `drop not null`: old code goes on reading values.
migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        note: text not null => remark: text {
            up   nullif(note, "none");
            down coalesce(remark, "none");
        }
    }
}

fn main() {}
