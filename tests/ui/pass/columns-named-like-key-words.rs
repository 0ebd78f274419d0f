// A name and a colon is a column, whatever the name is elsewhere.
migrate::plan! {
    pub mod change;

    stage dual_write;

    table words (id: bigint) {
        drop: text => add: text;
        rename: text => alter: text;
        index: integer not null => check: integer not null;
        unique: boolean => primary: boolean;
        set: text => update: text;
        begin: timestamptz => end: timestamptz;
        up: integer => down: integer { up up; down down; }
        table: text => stage: text;
        select: text => values: text;
        default: text => null: text;
    }
}

fn main() {
    assert_eq!(change::words::old::index.name(), "index");
    assert_eq!(change::words::new::end.name(), "end");
}
