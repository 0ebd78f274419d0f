migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        note: text => remark: text;
    }
}

fn main() {
    use change::orders::{new, old};
    assert_eq!((old::note.name(), new::remark.name()), ("note", "remark"));
}
