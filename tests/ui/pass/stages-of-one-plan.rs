// The three releases of one change differ in one word, and in what their code may use.
mod first {
    migrate::plan! { pub mod change; stage dual_write; table t { a: text => b: text; } }
}
mod second {
    migrate::plan! { pub mod change; stage switch; table t { a: text => b: text; } }
}
mod third {
    migrate::plan! { pub mod change; stage contract; table t { a: text => b: text; } }
}

fn main() {
    use migrate::Stage;
    assert_eq!(first::change::PLAN.stage, Stage::DualWrite);
    assert_eq!(second::change::PLAN.stage, Stage::Switch);
    assert_eq!(third::change::PLAN.stage, Stage::Contract);
    assert_eq!(first::change::t::old::a.name(), "a");
    assert_eq!(second::change::t::new::b.name(), third::change::t::new::b.name());
    assert_eq!(first::change::PLAN.declaration, third::change::PLAN.declaration);
}
