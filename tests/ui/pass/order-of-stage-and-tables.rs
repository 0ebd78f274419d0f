migrate::plan! {
    pub mod change;

    table orders (id: bigint) {
        note: text => remark: text;
    }

    stage dual_write;
}

fn main() {
    assert_eq!(change::PLAN.stage, migrate::Stage::DualWrite);
}
