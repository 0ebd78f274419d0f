migrate::plan! {
    pub mod change;

    stage dual_write;

    table hosts (id: bigint) {
        a: inet => b: inet;
        c: cidr => d: cidr;
        e: macaddr not null => f: macaddr not null;
        g: uuid not null => h: uuid not null;
        i: bytea => j: bytea;
        k: bit(8) => l: bit(8);
        m: varbit(8) => n: bit varying(8);
    }
}

fn main() {}
