//! refinery: `embed_migrations!` makes such values while the program compiles.

use postgres::{Client, NoTls};
use refinery::{Migration, Runner};

use crate::contender::{Contender, Session, scripts};

pub struct Refinery {
    migrations: Vec<Migration>,
}

struct Connected {
    client: Client,
    runner: Runner,
}

impl Refinery {
    pub fn new() -> Refinery {
        let migrations = scripts()
            .map(|(number, name, sql)| Migration::unapplied(&format!("V{number}__{name}"), &sql).expect("a migration"));
        Refinery { migrations: migrations.collect() }
    }
}

impl Contender for Refinery {
    fn name(&self) -> &'static str {
        "refinery"
    }

    fn connect(&self, url: &str) -> Box<dyn Session> {
        let client = Client::connect(url, NoTls).expect("a connection");
        Box::new(Connected { client, runner: Runner::new(&self.migrations) })
    }
}

impl Session for Connected {
    fn start(&mut self) {
        self.runner.run(&mut self.client).expect("a run");
    }
}
