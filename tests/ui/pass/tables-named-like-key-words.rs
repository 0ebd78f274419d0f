migrate::plan! {
    pub mod change;

    stage dual_write;

    table index { a: text => b: text; }
    table drop.table { c: text => d: text; }
    table r#type { e: text => f: text; }
}

fn main() {
    assert_eq!(change::r#type::old::e.table(), "type");
}
