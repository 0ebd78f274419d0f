#![deny(warnings)]

migrate::plan! { pub mod change; stage switch; table t { a: text => b: text; } }

#[allow(deprecated)]
fn main() {
    assert_eq!(change::t::old::a.name(), "a");
}
