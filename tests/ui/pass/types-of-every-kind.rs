migrate::plan! {
    pub mod change;

    stage dual_write;

    table things {
        a: integer[] => b: int4[][];
        c: double precision => d: float8;
        e: national character varying(20) => f: varchar(20);
        g: timestamp(3) with time zone => h: timestamptz(3);
        i: interval day to second(3) => j: INTERVAL DAY TO SECOND(3);
        k: app.status array => l: app.status[];
        m: public.geometry(Point, 4326) => n: public.geometry(Point, 4326);
        o: "char" => p: pg_catalog."char";
        q: char => r: character(1);
        s: numeric(12, -2) => t: decimal(12, -2);
    }
}

fn main() {
    use migrate::types::{Array, Nullable, Integer, UserType};
    let _: migrate::Column<Nullable<Array<Integer>>> = change::things::new::b;
    let _: migrate::Column<Nullable<Array<UserType>>> = change::things::old::k;
    assert_eq!(change::things::new::h.sql_type(), "timestamp(3) with time zone");
}
