//! Twenty plans, as two releases of a program have them.

use migrate::{Migrations, migrations};

macro_rules! release {
    ($stage:ident: $($plan:ident $table:ident),*) => {
        pub mod $stage {
            $(migrate::plan! {
                pub mod $plan;
                stage $stage;
                table $table (id: bigint) {
                    total: numeric(12, 2) not null => total_cents: bigint not null {
                        up round(total * 100)::bigint; down total_cents / 100.0;
                    }
                }
            })*

            pub static PLANS: super::Migrations = super::migrations![$($plan),*];
        }
    };
}

release! { dual_write:
    p01 t01, p02 t02, p03 t03, p04 t04, p05 t05, p06 t06, p07 t07, p08 t08, p09 t09, p10 t10,
    p11 t11, p12 t12, p13 t13, p14 t14, p15 t15, p16 t16, p17 t17, p18 t18, p19 t19, p20 t20
}

release! { contract:
    p01 t01, p02 t02, p03 t03, p04 t04, p05 t05, p06 t06, p07 t07, p08 t08, p09 t09, p10 t10,
    p11 t11, p12 t12, p13 t13, p14 t14, p15 t15, p16 t16, p17 t17, p18 t18, p19 t19, p20 t20
}
