mod first {
    migrate::plan! {
        pub mod a;
        stage contract;
        table orders { total: text => label: text; }
    }
}

migrate::plan! {
    pub mod b;
    stage switch;
    table orders { label: text => name: text; }
}

mod last {
    migrate::plan! {
        pub mod c;
        stage dual_write;
        table orders { name: text => total: text; }
    }
}

static MIGRATIONS: migrate::Migrations = migrate::migrations![crate::first::a, b, last::c];

fn main() {
    let names: Vec<&str> = MIGRATIONS.plans().iter().map(|plan| plan.name.as_ref()).collect();
    assert_eq!(names, ["a", "b", "c"]);
}
