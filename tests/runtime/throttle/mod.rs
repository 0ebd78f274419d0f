//! What holds a job back: operators, the user's own word, replicas; and how many sessions take part in it.

mod load;
mod operators;
mod sessions;
mod stops;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use migrate::testing::ScratchDatabase;
use migrate::{Event, Limit, Migrator, Plan, Settings};
use postgres::{Client, NoTls};

use crate::database;
use crate::observed::{run, value};

mod plans {
    migrate::plan! { pub mod cents; stage switch; table sale (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
}

const CENTS: &Plan = &plans::cents::PLAN;

/// Rows of a table that is cut into several lanes.
const ROWS: u64 = 60_000;

const LONG: Duration = Duration::from_secs(30);

fn sale(database: &ScratchDatabase) -> Client {
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        &format!(
            "CREATE TABLE sale (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, filler text); \
             INSERT INTO sale SELECT g, g / 7.0, repeat('x', 150) FROM generate_series(1, {ROWS}) g"
        ),
    );
    client
}

/// Small batches, of as many sessions as there may be, whoever else is there.
fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.batch_target = Duration::from_millis(5);
    settings.follow_load = false;
    settings.workers = 2;
    settings
}

fn migrator(database: &ScratchDatabase, settings: Settings) -> Migrator {
    let url = database.url().to_owned();
    database::migrator(CENTS)
        .settings(settings)
        .watcher(move || Ok(Client::connect(&url, NoTls).expect("a connection")))
}

fn filled_once(client: &mut Client) {
    let wrong = "SELECT count(*) FROM sale WHERE total_cents IS DISTINCT FROM round(total * 100)::bigint";
    assert_eq!(value(client, wrong), "0");
    for job in ["backfill", "verify"] {
        let counted = format!(
            "SELECT sum(c.rows_done) FROM migrate.cursor c JOIN migrate.step s ON s.plan = c.plan AND s.number = c.step \
             WHERE s.work[1] = '{job}'"
        );
        assert_eq!(value(client, &counted), ROWS.to_string(), "{job}");
    }
}

/// Has the backfill keep to so many rows a second from its first look on, so that its rows last for longer than the time between
/// two looks on any machine.
fn limited(database: &ScratchDatabase, rows_per_second: f64) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
    let operator = Mutex::new(database.connect().expect("a connection"));
    move |event| {
        if let Event::StepStarted { step: "backfill public.sale", .. } = event {
            let limit = Limit::NONE.rows_per_second(rows_per_second);
            let mut operator = operator.lock().expect("the operator");
            database::migrator(CENTS).limit(&mut operator, None, limit, None).expect("a limit");
        }
    }
}

/// Does something once, after so many batches of the backfill.
fn after(batches: u32, what: impl FnOnce() + Send + 'static) -> impl Fn(&Event<'_>) + Send + Sync + 'static {
    let (count, what) = (AtomicU32::new(0), Mutex::new(Some(what)));
    move |event| {
        if matches!(event, Event::Batch { step: "backfill public.sale", .. })
            && count.fetch_add(1, Ordering::SeqCst) + 1 == batches
            && let Some(what) = what.lock().expect("what is to be done").take()
        {
            what();
        }
    }
}
