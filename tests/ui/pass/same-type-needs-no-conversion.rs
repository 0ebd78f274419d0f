migrate::plan! {
    mod rename;

    stage dual_write;

    table app.people {
        nick: text => nickname: text;
        mail: varchar(320) not null => email: varchar(320) not null;
    }
}

fn main() {
    assert_eq!(rename::PLAN.tables[0].lenses.len(), 2);
    let nullable: migrate::Column<migrate::types::Nullable<migrate::types::Text>> = rename::people::new::nickname;
    assert_eq!(nullable.name(), "nickname");
}
