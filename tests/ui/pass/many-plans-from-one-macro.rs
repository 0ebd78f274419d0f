macro_rules! renames {
    ($($plan:ident: $table:literal . $old:literal => $new:ident;)*) => {
        $(migrate::plan! {
            /// Made by a macro.
            pub mod $plan;
            stage dual_write;
            table $table { $old: text => $new: text; }
        })*
        pub static MIGRATIONS: migrate::Migrations = migrate::migrations![$($plan),*];
    };
}

renames! {
    first: "orders"."note" => remark;
    second: "customers"."nick" => nickname;
}

fn main() {
    assert_eq!(MIGRATIONS.plans().len(), 2);
    assert_eq!(second::customers::new::nickname.table(), "customers");
}
