extern crate migrate as moves;

mod migrate {}

moves::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        note: text => remark: text;
    }
}

static MIGRATIONS: moves::Migrations = moves::migrations![change];

fn main() {
    assert_eq!(MIGRATIONS.plans().len(), 1);
}
