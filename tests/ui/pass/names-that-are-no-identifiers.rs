migrate::plan! {
    pub(crate) mod r#type;

    stage dual_write;

    table "Order Lines" ("Unit Price": numeric not null between 0 and 1_000) {
        "Total Amount": numeric(12, 2) not null between 0 and 1_000 => r#type: bigint not null {
            up   round(col("Total Amount") + col("Unit Price"))::bigint;
            down r#type::numeric;
            lossy "fractions go";
        }
        "2nd": text => "total-amount": text;
    }
}

fn main() {
    use r#type::Order_Lines::{new, old};
    assert_eq!(r#type::PLAN.name, "type");
    assert_eq!(old::Total_Amount.to_string(), "\"Total Amount\"");
    assert_eq!(old::_2nd.name(), "2nd");
    assert_eq!(new::r#type.name(), "type");
    assert_eq!(new::total_amount.name(), "total-amount");
}
