#![deny(warnings)]

migrate::plan! {
    #[doc = r#"With "quotes" and `code`."#]
    #[doc(alias = "cents")]
    #[allow(dead_code)]
    #[cfg_attr(all(), doc = "Conditional.")]
    pub mod change;

    stage dual_write;

    #[doc = "A table."]
    table orders (id: bigint) {
        #[doc = "A change."]
        note: text => remark: text;
    }
}

fn main() {}
