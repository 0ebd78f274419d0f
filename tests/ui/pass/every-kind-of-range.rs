migrate::plan! {
    pub mod change;

    stage dual_write;

    table bookings (id: bigint) {
        a: int4range => b: int4range;
        c: int8range => d: int8range;
        e: numrange => f: numrange;
        g: tsrange => h: tsrange;
        i: tstzrange => j: tstzrange;
        k: daterange not null => l: daterange not null;
    }
}

fn main() {}
