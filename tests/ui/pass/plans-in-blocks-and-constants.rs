fn side_by_side() -> usize {
    let first = {
        migrate::plan! { mod change; stage dual_write; table t { a: text => b: text; } }
        change::PLAN.tables.len()
    };
    let second = {
        migrate::plan! { mod change; stage contract; table t { a: text => b: text; } table u { a: text => b: text; } }
        change::PLAN.tables.len()
    };
    first + second
}

const NAME: &str = {
    migrate::plan! { mod change; stage dual_write; table t { a: text => b: text; } }
    change::t::new::b.name()
};

fn main() {
    assert_eq!(side_by_side(), 3);
    assert_eq!(NAME, "b");
}
