//! A batch does not wait for the disk; what a server loses that breaks down is lost with the cursor that tells of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use migrate::testing::ScratchServer;
use migrate::{Event, Migrator, Plan, Settings};
use postgres::Client;

use crate::database;
use crate::observed::{self, run};

mod plans {
    migrate::plan! { pub mod cents; stage dual_write; table sale (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }
}

const CENTS: &Plan = &plans::cents::PLAN;

fn sale(client: &mut Client) {
    run(
        client,
        "CREATE TABLE sale (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, filler text); \
         INSERT INTO sale SELECT g, g / 7.0, repeat('x', 150) FROM generate_series(1, 16000) g",
    );
}

/// A runner that makes small batches.
fn migrator() -> Migrator {
    let mut settings = Settings::default();
    settings.batch_target = Duration::from_millis(5);
    database::migrator(CENTS).settings(settings)
}

/// How the transactions of a backfill commit, as a trigger sees it that nothing keeps from firing.
fn commits(server: &ScratchServer) -> Vec<String> {
    let database = server.database().expect("a fresh database");
    let mut client = database.connect().expect("a connection");
    sale(&mut client);
    run(
        &mut client,
        "CREATE TABLE seen (word text); \
         CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS \
             $$BEGIN INSERT INTO public.seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END$$; \
         CREATE TRIGGER see AFTER UPDATE ON sale EXECUTE FUNCTION see(); ALTER TABLE sale ENABLE ALWAYS TRIGGER see",
    );
    assert!(migrator().run(&mut client).expect("a run").is_complete());
    observed::rows(&mut client, "SELECT DISTINCT word FROM seen")
}

#[test]
fn a_batch_waits_for_standbys_and_for_no_disk() {
    let server = ScratchServer::builder().setting("autovacuum", "off").start_own().expect("a server");
    assert_eq!(commits(&server), ["off"]);
    // Nobody is waited for under this setting, so that the test comes to its end; but somebody may be.
    let named = ScratchServer::builder()
        .setting("autovacuum", "off")
        .setting("synchronous_standby_names", "nobody")
        .setting("synchronous_commit", "local")
        .start_own()
        .expect("a server");
    assert_eq!(commits(&named), ["local"]);
}

#[test]
fn a_server_that_breaks_down_loses_rows_and_cursor_together() {
    // What is committed stays in memory for as long as PostgreSQL leaves it there.
    let server = Arc::new(
        ScratchServer::builder()
            .setting("autovacuum", "off")
            .setting("wal_writer_delay", "10s")
            .setting("wal_writer_flush_after", "1GB")
            .setting("wal_buffers", "64MB")
            .start_own()
            .expect("a server"),
    );
    let database = server.database().expect("a fresh database");
    let mut client = database.connect().expect("a connection");
    sale(&mut client);
    let (batches, rows) = (AtomicU32::new(0), Arc::new(AtomicU32::new(0)));
    let (breaking, counted) = (Arc::clone(&server), Arc::clone(&rows));
    let stopped = migrator().observe(move |event| {
        if let Event::Batch { step: "backfill public.sale", rows, .. } = event {
            counted.fetch_add(u32::try_from(*rows).expect("a batch"), Ordering::SeqCst);
            if batches.fetch_add(1, Ordering::SeqCst) == 10 {
                breaking.stop_immediate().expect("an end");
            }
        }
    });
    stopped.run(&mut client).expect_err("the server is gone");
    server.restart().expect("a server");
    let mut client = database.connect().expect("a connection");
    let filled: u32 = observed::value(&mut client, "SELECT count(total_cents) FROM sale").parse().expect("a number");
    let told = "SELECT coalesce(sum(rows_done), 0) FROM migrate.cursor";
    assert_eq!(observed::value(&mut client, told), filled.to_string());
    assert!(filled < rows.load(Ordering::SeqCst), "nothing was lost: {filled} rows");
    assert!(migrator().run(&mut client).expect("a run").is_complete());
    let wrong = "SELECT count(*) FROM sale WHERE total_cents IS DISTINCT FROM round(total * 100)::bigint";
    assert_eq!(observed::value(&mut client, wrong), "0");
    let counted = "SELECT sum(c.rows_done) FROM migrate.cursor c \
                   JOIN migrate.step s ON s.plan = c.plan AND s.number = c.step WHERE s.work[1] = 'backfill'";
    assert_eq!(observed::value(&mut client, counted), "16000");
}
