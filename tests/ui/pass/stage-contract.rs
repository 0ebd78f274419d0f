#![deny(warnings)]

migrate::plan! {
    pub mod change;

    stage contract;

    table orders {
        total: text => label: text;
    }
}

fn main() {
    assert_eq!(change::PLAN.stage, migrate::Stage::Contract);
    assert_eq!(change::orders::new::label.name(), "label");
}
