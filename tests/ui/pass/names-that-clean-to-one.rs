migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders {
        "a b": text => "a-b": text;
        "a-c": text => a_b: text;
    }
}

fn main() {
    assert_eq!(change::orders::new::a_b.name(), "a-b");
    assert_eq!(change::orders::new::a_b_2.name(), "a_b");
}
