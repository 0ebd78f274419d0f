#![deny(warnings, missing_docs, unused, nonstandard_style, unreachable_pub, missing_debug_implementations)]
#![deny(rustdoc::all)]
//! A crate with strict lints.

mod inner {
    migrate::plan! {
        /// A change with names of every style.
        pub mod OrdersTotal;

        stage dual_write;

        /// Orders.
        table Orders (ID: bigint) {
            /// The total.
            Total: numeric(12, 2) not null => totalCents: bigint not null {
                up   round(Total * 100)::bigint;
                down totalCents / 100.0;
            }
            SELF: text => r#fn: text;
        }
    }
}

fn main() {
    assert_eq!(inner::OrdersTotal::PLAN.tables[0].name, "Orders");
}
