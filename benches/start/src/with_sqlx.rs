//! sqlx: `migrate!` makes such a value while the program compiles.

use std::rc::Rc;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, SqlSafeStr};
use tokio::runtime::{Builder, Runtime};

use crate::contender::{Contender, Session, scripts};

pub struct Sqlx {
    runtime: Rc<Runtime>,
    migrator: Rc<Migrator>,
}

struct Connected {
    runtime: Rc<Runtime>,
    migrator: Rc<Migrator>,
    connection: PgConnection,
}

impl Sqlx {
    pub fn new() -> Sqlx {
        let migrations = scripts().map(|(number, name, sql)| {
            let sql = AssertSqlSafe(sql).into_sql_str();
            Migration::new(number as i64, name.into(), MigrationType::Simple, sql, false)
        });
        Sqlx {
            runtime: Rc::new(Builder::new_current_thread().enable_all().build().expect("a runtime")),
            migrator: Rc::new(Migrator::with_migrations(migrations.collect())),
        }
    }
}

impl Contender for Sqlx {
    fn name(&self) -> &'static str {
        "sqlx migrate"
    }

    fn connect(&self, url: &str) -> Box<dyn Session> {
        let connection = self.runtime.block_on(PgConnection::connect(url)).expect("a connection");
        Box::new(Connected { runtime: Rc::clone(&self.runtime), migrator: Rc::clone(&self.migrator), connection })
    }
}

impl Session for Connected {
    fn start(&mut self) {
        self.runtime.block_on(self.migrator.run(&mut self.connection)).expect("a run");
    }
}
