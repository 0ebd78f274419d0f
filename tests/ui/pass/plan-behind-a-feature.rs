#[cfg(any())]
migrate::plan! { pub mod change; stage dual_write; table t { a: text => b: text; } }

#[cfg(not(any()))]
migrate::plan! { pub mod change; stage switch; table t { a: text => b: text; } }

fn main() {
    assert_eq!(change::PLAN.stage, migrate::Stage::Switch);
}
