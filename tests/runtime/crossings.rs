//! Every phase boundary is crossed many times in both directions while writers of the old and of the new
//! shape go on all the time: not one of their statements fails, and none is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use migrate::testing::ScratchDatabase;
use migrate::{Migrator, Phase, Side};
use postgres::Client;

use crate::database;

mod dual_write {
    migrate::plan! { pub mod money; stage dual_write;
        table till (id: bigint) {
            total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
        }
    }
}
mod contract {
    migrate::plan! { pub mod money; stage contract;
        table till (id: bigint) {
            total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
        }
    }
}

/// How often each boundary is crossed in each direction.
const CROSSINGS: usize = 20;

/// The rows that each writer owns, so that it knows what they must contain.
const OWNED: i64 = 50;

/// Writers that follow the side they are told, as a build at `stage dual_write` does, or stay with one.
struct Fleet {
    stop: Arc<AtomicBool>,
    told: Arc<AtomicU64>,
    heard: Vec<Arc<AtomicU64>>,
    writers: Vec<JoinHandle<Result<u64, String>>>,
}

impl Fleet {
    /// `sides` has one entry for each writer: `None` follows what it is told.
    fn start(database: &ScratchDatabase, sides: &[Option<Side>]) -> Fleet {
        let (stop, told) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut fleet = Fleet { stop, told, heard: Vec::new(), writers: Vec::new() };
        for (slot, side) in sides.iter().enumerate() {
            let heard = Arc::new(AtomicU64::new(0));
            fleet.heard.push(Arc::clone(&heard));
            let writer = Writer {
                client: database.connect().expect("a connection"),
                side: *side,
                stop: Arc::clone(&fleet.stop),
                told: Arc::clone(&fleet.told),
                heard,
                first: slot as i64 * OWNED + 1,
            };
            fleet.writers.push(thread::spawn(move || writer.run()));
        }
        fleet
    }

    /// Tells the side, and comes back when every writer has finished its last statement on the other.
    fn tell(&self, side: Side) {
        let word = self.told.load(Ordering::SeqCst) / 2 * 2 + 2 + u64::from(side == Side::New);
        self.told.store(word, Ordering::SeqCst);
        while self
            .heard
            .iter()
            .zip(&self.writers)
            .any(|(heard, writer)| heard.load(Ordering::SeqCst) < word && !writer.is_finished())
        {
            thread::yield_now();
        }
    }

    /// Ends them; answers how many statements they made.
    fn finish(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.writers
            .into_iter()
            .map(|writer| writer.join().expect("a writer").unwrap_or_else(|error| panic!("{error}")))
            .sum()
    }
}

struct Writer {
    client: Client,
    side: Option<Side>,
    stop: Arc<AtomicBool>,
    told: Arc<AtomicU64>,
    heard: Arc<AtomicU64>,
    first: i64,
}

impl Writer {
    /// Writes and reads its own rows until it is stopped; the first thing that is wrong ends it.
    fn run(mut self) -> Result<u64, String> {
        let mut cents: Vec<i64> = vec![0; OWNED as usize];
        let mut statements = 0;
        for place in 0..OWNED {
            self.put(self.first + place, 0)?;
        }
        while !self.stop.load(Ordering::SeqCst) {
            let word = self.told.load(Ordering::SeqCst);
            let side = self.side.unwrap_or(if word % 2 == 1 { Side::New } else { Side::Old });
            self.heard.store(word, Ordering::SeqCst);
            let place = (statements * 31 % OWNED as u64) as usize;
            let id = self.first + place as i64;
            cents[place] += 1 + (statements % 977) as i64;
            let set = match (side, statements % 4) {
                (Side::Old, 0) => {
                    format!("UPDATE till SET total = total + {}::numeric / 100 WHERE id = {id}", 1 + statements % 977)
                }
                (Side::New, 0) => {
                    format!("UPDATE till SET total_cents = total_cents + {} WHERE id = {id}", 1 + statements % 977)
                }
                (Side::Old, 1) => format!("UPDATE till SET total = {}::numeric / 100 WHERE id = {id}", cents[place]),
                (Side::New, 1) => format!("UPDATE till SET total_cents = {} WHERE id = {id}", cents[place]),
                (Side::Old, 2) => format!(
                    "INSERT INTO till (id, total) VALUES ({id}, {}::numeric / 100) ON CONFLICT (id) DO UPDATE SET total = excluded.total",
                    cents[place]
                ),
                (Side::New, 2) => format!(
                    "INSERT INTO till (id, total_cents) VALUES ({id}, {}) ON CONFLICT (id) DO UPDATE SET total_cents = excluded.total_cents",
                    cents[place]
                ),
                (_, _) => {
                    cents[place] -= 1 + (statements % 977) as i64;
                    format!("UPDATE till SET note = 'n{statements}' WHERE id = {id}")
                }
            };
            self.client.batch_execute(&set).map_err(|error| format!("{side} {set}: {error:?}"))?;
            let get = match side {
                Side::Old => format!("SELECT (total * 100)::bigint FROM till WHERE id = {id}"),
                Side::New => format!("SELECT total_cents FROM till WHERE id = {id}"),
            };
            let found: i64 =
                self.client.query_one(&get, &[]).map_err(|error| format!("{side} {get}: {error:?}"))?.get(0);
            if found != cents[place] {
                return Err(format!("after {set}: {get} found {found}, not {}", cents[place]));
            }
            statements += 2;
        }
        Ok(statements)
    }

    fn put(&mut self, id: i64, cents: i64) -> Result<(), String> {
        let sql = if self.side == Some(Side::New) {
            format!("INSERT INTO till (id, total_cents) VALUES ({id}, {cents})")
        } else {
            format!("INSERT INTO till (id, total) VALUES ({id}, {cents}::numeric / 100)")
        };
        self.client.batch_execute(&sql).map_err(|error| format!("{sql}: {error:?}"))
    }
}

fn table(database: &ScratchDatabase) -> Client {
    let mut client = database.connect().expect("a connection");
    client
        .batch_execute(
            "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, note text); \
             INSERT INTO till SELECT g, g FROM generate_series(100001, 100500) g",
        )
        .expect("a table");
    client
}

fn agree(client: &mut Client) {
    let apart: i64 = client
        .query_one("SELECT count(*) FROM till WHERE total_cents IS DISTINCT FROM round(total * 100)", &[])
        .expect("a count")
        .get(0);
    assert_eq!(apart, 0, "rows whose sides disagree");
}

fn to(migrator: &Migrator, client: &mut Client, phase: Phase) {
    let report = migrator.advance(client, &dual_write::money::PLAN, phase).expect("an advance");
    assert!(report.is_complete(), "{report}");
}

#[test]
fn expand_and_revert_fail_no_statement_of_the_old_code() {
    let database = database::fresh();
    let mut client = table(&database);
    let fleet = Fleet::start(&database, &[Some(Side::Old), None, Some(Side::Old), None]);
    let migrator = database::migrator(&dual_write::money::PLAN);
    for _ in 0..CROSSINGS {
        to(&migrator, &mut client, Phase::DualWrite);
        agree(&mut client);
        migrator.revert(&mut client, "money").expect("a revert");
    }
    let statements = fleet.finish();
    println!("{statements} statements");
    assert!(statements > 1000);
}

#[test]
fn switching_back_and_forth_fails_no_statement_of_either_code() {
    let database = database::fresh();
    let mut client = table(&database);
    let migrator = database::migrator(&dual_write::money::PLAN);
    to(&migrator, &mut client, Phase::DualWrite);
    let fleet = Fleet::start(&database, &[Some(Side::Old), None, Some(Side::New), None]);
    for _ in 0..CROSSINGS {
        to(&migrator, &mut client, Phase::Switch);
        fleet.tell(Side::New);
        migrator.revert_to(&mut client, "money", Phase::DualWrite).expect("a switch back");
        fleet.tell(Side::Old);
    }
    let statements = fleet.finish();
    println!("{statements} statements");
    agree(&mut client);
    let conflicts = migrator.status(&mut client).expect("a status").plans[0].conflicts;
    assert_eq!(conflicts, 0);
    assert!(statements > 1000);
}

#[test]
fn the_whole_way_and_back_fails_no_statement_of_code_that_follows_the_side() {
    let database = database::fresh();
    let mut client = table(&database);
    let migrator = database::migrator(&dual_write::money::PLAN);
    let fleet = Fleet::start(&database, &[None, None, None, None]);
    for _ in 0..CROSSINGS {
        to(&migrator, &mut client, Phase::Switch);
        fleet.tell(Side::New);
        agree(&mut client);
        migrator.revert_to(&mut client, "money", Phase::DualWrite).expect("a switch back");
        fleet.tell(Side::Old);
        migrator.revert(&mut client, "money").expect("a revert");
    }
    println!("{} statements", fleet.finish());
}

#[test]
fn retiring_and_back_fails_no_statement_of_the_new_code() {
    let database = database::fresh();
    let mut client = table(&database);
    to(&database::migrator(&dual_write::money::PLAN), &mut client, Phase::Switch);
    let migrator = database::migrator(&contract::money::PLAN);
    let fleet = Fleet::start(&database, &[Some(Side::New); 4]);
    for _ in 0..CROSSINGS {
        retire_only(&database, &mut client);
        assert!(client.query("SELECT total FROM till LIMIT 1", &[]).is_err(), "the old column is out of reach");
        migrator.revert_to(&mut client, "money", Phase::Switch).expect("back from retired");
        migrator.release(&mut client, "money").expect("a release");
        agree(&mut client);
    }
    // And to the end, under the same writers.
    let report = migrator.run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    println!("{} statements", fleet.finish());
}

/// Carries the plan up to its retired columns: the soak after that is not over.
fn retire_only(database: &ScratchDatabase, client: &mut Client) {
    let mut clock = database.connect().expect("a connection");
    let migrator = database::migrator(&contract::money::PLAN).soak(std::time::Duration::from_secs(1000));
    clock
        .batch_execute("UPDATE migrate.plan SET switched_at = clock_timestamp() - interval '2000 s'")
        .expect("an earlier switch");
    let report = migrator.run(client).expect("a run");
    assert!(report.plans[0].closed.iter().any(|gate| gate.to_string().contains("soak")), "{report}");
}
