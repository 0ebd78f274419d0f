fn main() {
    migrate::plan! {
        mod change;

        stage dual_write;

        table orders {
            total: text => label: text;
        }
    }
    assert_eq!(change::PLAN.steps.len(), change::PLAN.steps.iter().map(|step| step.name(&change::PLAN)).count());
}
