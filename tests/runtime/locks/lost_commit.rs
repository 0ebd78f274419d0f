//! A commit whose answer is lost: the step is done, and the next run finds it so. A commit that is refused: nothing of the
//! step is done.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use migrate::testing::{ScratchDatabase, ScratchServer};
use migrate::{Error, Event};
use postgres::config::Host;
use postgres::{Client, Config, NoTls};

use super::{TABLE, dual_write, with_the_table};
use crate::database;
use crate::observed::{rows, run};

/// Stands between a client and the server, and once armed breaks the connection in the place of the answer
/// to the next commit.
struct Proxy {
    folder: PathBuf,
    armed: Arc<AtomicBool>,
}

impl Proxy {
    /// Before the socket in `server`, for one connection.
    fn before(server: &Path) -> Proxy {
        let folder = server.with_extension("proxy");
        std::fs::create_dir(&folder).expect("a folder");
        let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).expect("a socket");
        let (server, armed) = (server.join(".s.PGSQL.5432"), Arc::new(AtomicBool::new(false)));
        let is_armed = Arc::clone(&armed);
        thread::spawn(move || {
            let (client, _) = listener.accept().expect("a client");
            let server = UnixStream::connect(server).expect("the server");
            let deaf = Arc::new(AtomicBool::new(false));
            let (from_server, to_client, is_deaf) = (clone(&server), clone(&client), Arc::clone(&deaf));
            thread::spawn(move || {
                pump(from_server, &to_client, |_| !is_deaf.load(Ordering::SeqCst));
                let _ = to_client.shutdown(Shutdown::Both);
            });
            pump(client, &server, |sent| {
                let is_commit = sent.windows(6).any(|word| word == b"COMMIT");
                deaf.fetch_or(is_commit && is_armed.load(Ordering::SeqCst), Ordering::SeqCst);
                true
            });
        });
        Proxy { folder, armed }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn clone(stream: &UnixStream) -> UnixStream {
    stream.try_clone().expect("a stream")
}

/// Passes on what comes, as long as `goes_on`.
fn pump(mut from: UnixStream, mut to: &UnixStream, mut goes_on: impl FnMut(&[u8]) -> bool) {
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !goes_on(&buffer[..length]) || to.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
}

#[test]
fn a_step_whose_commit_was_not_answered_is_found_done() {
    let server = ScratchServer::builder().start_own().expect("a server");
    let database = server.database().expect("a database");
    let mut client = database.connect().expect("a connection");
    run(&mut client, TABLE);
    let config: Config = database.url().parse().expect("an address");
    let Host::Unix(folder) = &config.get_hosts()[0] else { panic!("{config:?}") };
    let proxy = Proxy::before(folder);
    let through = database.url().replace(
        &folder.display().to_string().replace('/', "%2F"),
        &proxy.folder.display().to_string().replace('/', "%2F"),
    );
    let armed = Arc::clone(&proxy.armed);
    let migrator = database::migrator(&dual_write::money::PLAN).observe(move |event| {
        if matches!(event, Event::Committing { step: "expand public.till", .. }) {
            armed.store(true, Ordering::SeqCst);
        }
    });
    let error = migrator.run(&mut Client::connect(&through, NoTls).expect("a connection")).expect_err("no answer");
    assert!(matches!(&error, Error::Database(error) if error.code().is_none()), "{error}");

    let report = database::migrator(&dual_write::money::PLAN).run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    assert_eq!(report.plans[0].done_before, 1, "{report}");
    let history = "SELECT count(*) FROM migrate.history WHERE step = 'expand public.till'";
    assert_eq!(rows(&mut client, history), ["1"]);
}

/// Has a deferred constraint refuse the commit of the first step so many times.
fn refused_at_the_commit(client: &mut Client, sqlstate: &str, times: u32) {
    run(
        client,
        &format!(
            "CREATE SEQUENCE tries;
             CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
                 IF nextval('public.tries') <= {times} THEN
                     RAISE EXCEPTION 'not this time' USING ERRCODE = '{sqlstate}';
                 END IF;
                 RETURN NULL;
             END$$;
             CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON migrate.history DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW WHEN (NEW.step = 'expand public.till') EXECUTE FUNCTION refuse()"
        ),
    );
}

/// A database with the table and the state, but nothing of the plan.
fn before_the_first_step() -> (ScratchDatabase, Client) {
    let (database, mut client) = with_the_table();
    let empty = migrate::Migrator::new(&NONE).instance(database::tests());
    empty.run(&mut client).expect("a run with no plan");
    (database, client)
}

static NONE: migrate::Migrations = migrate::migrations![];

const DONE: &str = "SELECT count(*) FROM migrate.history WHERE step = 'expand public.till'";
const COLUMNS: &str = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'till'::regclass AND attnum > 0";

#[test]
fn a_commit_that_is_refused_a_lock_is_tried_again() {
    let (_database, mut client) = before_the_first_step();
    refused_at_the_commit(&mut client, "55P03", 2);
    let report = database::migrator(&dual_write::money::PLAN).run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
    assert_eq!(rows(&mut client, DONE), ["1"]);
    // Two were refused, one was not.
    assert_eq!(rows(&mut client, "SELECT last_value FROM tries"), ["3"]);
}

#[test]
fn a_commit_that_fails_leaves_nothing_of_the_step_and_says_why() {
    let (_database, mut client) = before_the_first_step();
    refused_at_the_commit(&mut client, "23514", u32::MAX);
    let error = database::migrator(&dual_write::money::PLAN).run(&mut client).expect_err("a refused commit");
    assert!(error.to_string().contains("not this time"), "{error}");
    assert_eq!(rows(&mut client, DONE), ["0"]);
    assert_eq!(rows(&mut client, COLUMNS), ["2"]);
    assert_eq!(rows(&mut client, "SELECT last_value FROM tries"), ["1"]);
    run(&mut client, "DROP TRIGGER refuse ON migrate.history");
    assert!(database::migrator(&dual_write::money::PLAN).run(&mut client).expect("a run").is_complete());
}
