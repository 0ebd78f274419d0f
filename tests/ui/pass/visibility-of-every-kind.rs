pub mod outer {
    pub mod inner {
        migrate::plan! { mod private; stage dual_write; table t { a: text => b: text; } }
        migrate::plan! { pub(super) mod to_the_parent; stage dual_write; table t { b: text => c: text; } }
        migrate::plan! { pub(crate) mod to_the_crate; stage dual_write; table t { c: text => d: text; } }
        migrate::plan! { pub(in crate::outer) mod to_a_path; stage dual_write; table t { d: text => e: text; } }

        pub fn names() -> [&'static str; 1] {
            [private::t::new::b.name()]
        }
    }

    pub fn names() -> [&'static str; 2] {
        [inner::to_the_parent::t::new::c.name(), inner::to_a_path::t::new::e.name()]
    }
}

fn main() {
    assert_eq!(outer::inner::names(), ["b"]);
    assert_eq!(outer::names(), ["c", "e"]);
    assert_eq!(outer::inner::to_the_crate::t::new::d.name(), "d");
}
