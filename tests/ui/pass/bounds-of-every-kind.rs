migrate::plan! {
    pub mod change;

    stage dual_write;

    table things (
        rate: numeric between -0.5 and 1.5,
        share: real between 0 and 1,
        raw: bytea length between 16 and 16,
        flags: bit varying length between 0 and 8,
        tags: text[] length between 0 and 10,
        at: timestamptz between "2000-01-01 00:00:00Z" and "2099-12-31 23:59:59Z",
        opens: time between "06:00:00" and "22:00:00",
        created: timestamp between timestamp "2000-01-01 00:00:00" and "2099-12-31 23:59:59",
    ) {
        total: integer not null between 0 and 20_000 default 0 => amount: smallint not null;
        visits: bigint default 0 between -1_000 and +1_000 not null => visit_count: smallint not null;
        note: text length between 0 and 200 => remark: varchar(200);
        day: date between date "2000-01-01" and "2099-12-31" => due: date;
    }
}

fn main() {
    let bounds = &change::PLAN.tables[0].bounds;
    assert_eq!(bounds.len(), 12);
    assert_eq!(bounds[0].bound, "between 0 and 20000");
}
