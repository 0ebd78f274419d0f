migrate::plan! {
    pub mod change;

    stage dual_write;

    table things {
        a: smallint not null => b: bigint not null;
        c: integer => d: numeric;
        e: bigint not null => f: numeric(19, 0) not null;
        g: numeric(12, 2) not null default 0 => h: numeric(14, 4) not null;
        i: numeric(10, 2) => j: numeric;
        k: real => l: double precision;
        m: integer => n: double precision;
        o: numeric(6, 3) => p: real;
        q: varchar(20) not null => r: varchar(40) not null;
        s: varchar(20) => t: text;
        u: char(8) => v: varchar(8);
        w: integer => x: text;
        y: uuid not null => z: text not null;
        aa: date => ab: timestamp;
        ac: timestamptz(3) => ad: timestamptz;
        ae: time(0) => af: time(3);
        ag: interval(3) => ah: interval;
        ai: bit(8) => aj: bit varying(16);
        ak: cidr => al: inet;
        am: macaddr => an: macaddr8;
        ao: jsonb => ap: text;
        aq: json => ar: text;
        r#as: boolean => at: integer;
        au: integer[] => av: bigint[];
        aw: integer => ax: oid;
        ay: bit(32) => az: bit(32);
    }
}

fn main() {
    let up = |place: usize| change::PLAN.tables[0].lenses[place].up.expression.as_ref();
    assert_eq!(up(0), "\"a\"::bigint");
    assert_eq!(up(3), "\"g\"");
}
