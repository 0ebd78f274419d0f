//! A table on its way through the phases in which both sides live, for tests of what is written to it.

use std::time::Duration;

use migrate::testing::ScratchDatabase;
use migrate::{Phase, Plan};
use postgres::Client;

use crate::database;
use crate::observed::{self, refused, run};

/// A plan of one table in its first and last release, with the SQL that says where both sides differ.
pub struct Subject {
    pub dual_write: &'static Plan,
    pub contract: &'static Plan,
    /// True for a row whose sides disagree; `{old}` is the old column.
    pub apart: &'static str,
}

mod dual_write {
    migrate::plan! { pub mod money; stage dual_write; table till (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
    migrate::plan! { pub mod names; stage dual_write; table person (id: bigint) { nick: text => nickname: text; } }
}
pub mod contract {
    migrate::plan! { pub mod money; stage contract; table till (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
    migrate::plan! { pub mod names; stage contract; table person (id: bigint) { nick: text => nickname: text; } }
}

/// `till`: an amount of money becomes cents, exactly.
pub const MONEY: Subject = Subject {
    dual_write: &dual_write::money::PLAN,
    contract: &contract::money::PLAN,
    apart: "total_cents IS DISTINCT FROM round({old} * 100)",
};

/// `person`: a text gets another name.
pub const NAMES: Subject = Subject {
    dual_write: &dual_write::names::PLAN,
    contract: &contract::names::PLAN,
    apart: "nickname IS DISTINCT FROM {old}",
};

/// A table for [`MONEY`].
pub const TILL: &str = "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, note text, extra integer); \
                        INSERT INTO till (id, total) SELECT g, g FROM generate_series(1001, 1010) g";

/// Where the plan stands while statements are made.
pub struct Stand<'a> {
    pub database: &'a ScratchDatabase,
    pub client: &'a mut Client,
    /// The old column under the name that it has now.
    pub old: &'static str,
    /// Whether code of the old shape still finds its column.
    pub old_code: bool,
    /// An id that no other phase uses; the nine after it are free too.
    pub id: i64,
}

impl Stand<'_> {
    /// Statements of whoever is connected as the owner.
    pub fn run(&mut self, sql: &str) {
        run(self.client, sql);
    }

    /// Both sides of a row of `till`: `19.99|1999`.
    pub fn till(&mut self, id: i64) -> String {
        let sql = format!("SELECT {}, total_cents FROM till WHERE id = {id}", self.old);
        observed::rows(self.client, &sql).join(" and ")
    }

    /// Both sides of a row of `person`.
    pub fn person(&mut self, id: i64) -> String {
        let sql = format!("SELECT {}, nickname FROM person WHERE id = {id}", self.old);
        observed::rows(self.client, &sql).join(" and ")
    }
}

/// Makes `check` while the old side has the authority, after the switch, and with the old column retired,
/// in one database that `prepare` has set up; after each, no row's sides disagree. At the end the plan is
/// finished.
pub fn in_every_phase(subject: &Subject, prepare: &str, mut check: impl FnMut(&mut Stand<'_>)) {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(&mut client, prepare);
    for (place, phase) in [Phase::DualWrite, Phase::Switch, Phase::Contract].into_iter().enumerate() {
        carry(subject, &mut client, phase);
        let old: &'static str = match (&*subject.dual_write.tables[0].lenses[0].old.column, phase) {
            (name, Phase::Contract) => Box::leak(format!("\"~{name}\"").into_boxed_str()),
            (name, _) => Box::leak(name.to_owned().into_boxed_str()),
        };
        let id = 1 + 100 * place as i64;
        let old_code = phase != Phase::Contract;
        check(&mut Stand { database: &database, client: &mut client, old, old_code, id });
        let table = &subject.dual_write.tables[0].name;
        let apart = format!("SELECT * FROM {table} WHERE {}", subject.apart.replace("{old}", old));
        assert_eq!(observed::rows(&mut client, &apart), [""; 0], "{phase}");
        assert_eq!(refused(&mut client, "SELECT 1 / 0"), "22012", "the session is usable");
    }
    let report = database::migrator(subject.contract).run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    for name in ["pg_trigger WHERE tgname", "pg_attribute WHERE attrelid > 16383 AND NOT attisdropped AND attname"] {
        let left = format!("SELECT count(*) FROM {name} LIKE '~%'");
        assert_eq!(observed::value(&mut client, &left), "0", "{left}");
    }
}

/// Carries a plan to the end of a phase; `Contract` is the retired column here, not the dropped one.
pub fn carry(subject: &Subject, client: &mut Client, phase: Phase) {
    if phase != Phase::Contract {
        let report =
            database::migrator(subject.dual_write).advance(client, subject.dual_write, phase).expect("an advance");
        assert!(report.is_complete(), "{report}");
        return;
    }
    // The soak before the retirement is over, and the one after it is not.
    run(client, "UPDATE migrate.plan SET switched_at = clock_timestamp() - interval '2000 s'");
    let report = database::migrator(subject.contract).soak(Duration::from_secs(1000)).run(client).expect("a run");
    assert!(report.to_string().contains("the soak before dropping the old columns"), "{report}");
}
