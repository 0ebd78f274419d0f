migrate::plan! {
    pub mod change;

    stage dual_write;

    table events (id: bigint) {
        a: date not null => b: date not null;
        c: time => d: time without time zone;
        e: timetz => f: time with time zone;
        g: timestamp => h: timestamp without time zone;
        i: timestamptz(3) => j: timestamp(3) with time zone;
        k: interval => l: interval;
    }
}

fn main() {}
