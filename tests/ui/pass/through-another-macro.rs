macro_rules! cents {
    ($name:ident, $table:ident, $old:ident => $new:ident, $factor:expr, $ty:ty) => {
        migrate::plan! {
            pub mod $name;

            stage dual_write;

            table $table {
                $old: numeric(12, 2) not null => $new: $ty not null {
                    up   case when $old <> 0 then round($old * $factor) else 0 end::$ty;
                    down $new / 100.0;
                }
            }
        }
    };
}

cents!(a, orders, total => total_cents, 10 + 90, bigint);

fn main() {
    let up = &a::PLAN.tables[0].lenses[0].up.expression;
    assert!(up.contains("<> 0") && up.contains("* (10 + 90)"), "{up}");
}
