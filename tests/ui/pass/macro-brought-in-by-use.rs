use migrate::{Migrations, migrations, plan};

plan! { pub mod change; stage dual_write; table t { a: text => b: text; } }
plan![pub mod second; stage dual_write; table t { c: text => d: text; }];
plan!(pub mod third; stage dual_write; table t { e: text => f: text; });

static MIGRATIONS: Migrations = migrations![change, second, third,];

fn main() {
    assert_eq!(MIGRATIONS.plans().len(), 3);
}
