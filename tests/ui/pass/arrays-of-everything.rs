migrate::plan! {
    pub mod change;

    stage dual_write;

    table t (id: bigint) {
        a: text[] not null => b: text[] not null;
        c: numeric(12, 2)[] => d: decimal(12, 2)[];
        e: timestamptz(3)[] => f: timestamptz(3)[];
        g: uuid array => h: uuid[];
    }
}

fn main() {
    use migrate::types::{Array, Text};
    let _: migrate::Column<Array<Text>> = change::t::new::b;
}
