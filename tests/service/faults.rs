//! The fault matrix: at every event of every step the leader is killed, loses its session, loses the server, is paused for
//! longer than its lease, or is cut off without a word, while processes of other builds write. The end is the same, no write is
//! lost, and no statement of an application fails but what the dead server refused.
//!
//! By default a few events for each fault; all of them with `MIGRATE_TEST_SCALE=20`.

use std::time::{Duration, Instant};

use migrate::testing::{ScratchDatabase, ScratchServer};
use postgres::Client;

use crate::agent::{Agent, Manner};
use crate::builds::{Build, create_till};
use crate::leads::{done_once, state};
use crate::proxy::Proxy;

const LONG: Duration = Duration::from_secs(60);

/// Rows that no writer touches.
const ROWS: u32 = 3000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// `kill -9` of the process.
    Kill,
    /// Its session is ended by the server.
    Terminate,
    /// The server stops as a crash would, and recovers.
    Crash,
    /// The process is paused until another leads, and goes on then.
    Pause,
    /// Nothing passes to or from the process until another leads.
    Cut,
}

/// What the undisturbed plan leaves.
#[derive(Debug, PartialEq, Eq)]
struct End {
    rows: Vec<String>,
    catalog: Vec<String>,
}

fn end(client: &mut Client) -> End {
    let all = |client: &mut Client, sql: &str| -> Vec<String> {
        client.query(sql, &[]).expect("the end").iter().map(|row| row.get(0)).collect()
    };
    End {
        rows: all(client, &format!("SELECT to_jsonb(till)::text FROM till WHERE id <= {ROWS} ORDER BY id")),
        catalog: all(
            client,
            "SELECT 'column ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull \
             FROM pg_attribute WHERE attrelid = 'till'::regclass AND attnum > 0 AND NOT attisdropped \
             UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgrelid = 'till'::regclass \
             UNION ALL SELECT 'constraint ' || conname FROM pg_constraint WHERE conrelid = 'till'::regclass AND contype <> 'n' \
             UNION ALL SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'migrate'::regnamespace \
             UNION ALL SELECT 'sequence ' || relname FROM pg_class \
                 WHERE relnamespace = 'migrate'::regnamespace AND relkind = 'S' AND relname LIKE 'money%' \
             ORDER BY 1",
        ),
    }
}

/// A connection that is made again when the server went away.
struct Watch<'a> {
    database: &'a ScratchDatabase,
    client: Option<Client>,
}

impl Watch<'_> {
    fn client(&mut self) -> &mut Client {
        if self.client.as_mut().is_none_or(|client| client.is_closed() || client.simple_query("").is_err()) {
            let begun = Instant::now();
            self.client = loop {
                match self.database.connect() {
                    Ok(client) => break Some(client),
                    Err(error) => assert!(begun.elapsed() < LONG, "{error}"),
                }
                std::thread::sleep(Duration::from_millis(20));
            };
        }
        self.client.as_mut().expect("a connection")
    }

    fn answers(&mut self, sql: &str) -> bool {
        self.client().query_one(sql, &[]).is_ok_and(|row| row.get::<_, Option<bool>>(0) == Some(true))
    }

    fn until(&mut self, what: &str, sql: &str) {
        let begun = Instant::now();
        while !self.answers(sql) {
            assert!(begun.elapsed() < LONG, "not within a minute: {what}\n{}", state(self.client()));
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// One run of the whole plan, with a fault at an event of the leader's. Answers the event and the end, or nothing where the
/// plan has fewer events.
fn run(server: &ScratchServer, fault: Option<(Fault, usize)>) -> Option<(String, End)> {
    let database = server.database().expect("a database");
    let mut watch = Watch { database: &database, client: None };
    create_till(watch.client(), ROWS);
    let proxy = Proxy::to(database.url());
    let url = match fault {
        Some((Fault::Cut, _)) => proxy.url(),
        _ => database.url().to_owned(),
    };
    let follower = |build, writer| Agent::spawn(database.url(), Manner::of(build).writing(writer).following());
    // Builds that may use the old columns are there until only they are waited for; the new one is there from the start,
    // and ready as soon as its column is filled.
    let mut leader = match fault {
        Some((_, event)) => Agent::spawn(&url, Manner::of(Build::Contract).pausing_at(event)),
        None => Agent::spawn(&url, Manner::of(Build::Contract)),
    };
    let mut older = vec![follower(Build::Before, 1), follower(Build::DualWrite, 2)];
    let newest = follower(Build::Contract, 3);
    let mut next = None;
    let (begun, mut at) = (Instant::now(), None);
    loop {
        let pauses = leader.listen().iter().find_map(|line| line.strip_prefix("at ")).map(str::to_owned);
        if let (Some(event), Some((fault, _)), None) = (pauses, fault, &at) {
            next = Some(strike(server, &mut watch, fault, &mut leader, &proxy));
            at = Some(event);
        }
        if watch.answers("SELECT status = 'finished' FROM migrate.plan") {
            break;
        }
        if !older.is_empty()
            && watch.answers(
                "SELECT side = 'new' AND array_to_string(waits_for, ';') LIKE '%these instances%' FROM migrate.plan",
            )
        {
            older.drain(..).for_each(unharmed);
        }
        assert!(
            begun.elapsed() < 2 * LONG,
            "{fault:?} at {at:?} does not end\n{:?}\n{}",
            leader.said,
            state(watch.client())
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    for mut agent in older.into_iter().chain([newest]) {
        agent.ready();
        unharmed(agent);
    }
    done_once(watch.client());
    let end = end(watch.client());
    if at.is_some() && fault.is_some_and(|(fault, _)| fault != Fault::Kill) {
        // Where it pauses still, it finds itself replaced, and goes on as an instance like any other.
        proxy.mend();
        leader.go_on();
        watch.until(
            "it is heard of",
            "SELECT count(*) >= 2 FROM migrate.instance \
             WHERE state = 'live' AND version = '1.3' AND clock_timestamp() - beat_at < interval '2 s'",
        );
    }
    drop((leader, next));
    match fault {
        Some(_) => at.map(|at| (at, end)),
        None => Some((String::new(), end)),
    }
}

/// Does it to the leader; answers the instance that may lead next.
fn strike(server: &ScratchServer, watch: &mut Watch<'_>, fault: Fault, leader: &mut Agent, proxy: &Proxy) -> Agent {
    let seat = watch.client().query_opt("SELECT term, pid FROM migrate.leader", &[]).ok().flatten();
    let (term, pid): (i64, Option<i32>) = seat.map_or((0, None), |row| (row.get(0), row.get(1)));
    // After the last step nobody needs the lead any more.
    let replaced =
        format!("SELECT term > {term} OR (SELECT status = 'finished' FROM migrate.plan) IS TRUE FROM migrate.leader");
    let database = watch.database;
    let next = || Agent::spawn(database.url(), Manner::of(Build::Contract));
    match fault {
        Fault::Kill => {
            let next = next();
            leader.kill();
            next
        }
        Fault::Terminate => {
            let next = next();
            if let Some(pid) = pid {
                watch.client().execute("SELECT pg_terminate_backend($1)", &[&pid]).expect("an end");
            }
            leader.go_on();
            next
        }
        Fault::Crash => {
            server.stop_immediate().expect("a crash");
            server.restart().expect("a recovery");
            let next = next();
            leader.go_on();
            next
        }
        Fault::Pause => {
            leader.signal("STOP");
            let next = next();
            watch.until("another leads", &replaced);
            leader.signal("CONT");
            leader.go_on();
            next
        }
        Fault::Cut => {
            proxy.cut();
            let next = next();
            watch.until("another leads", &replaced);
            proxy.mend();
            leader.go_on();
            next
        }
    }
}

/// Ends an agent: none of its statements failed, and none of its writes was lost.
fn unharmed(mut agent: Agent) {
    agent.ready();
    let manner = agent.manner;
    let said = agent.stop();
    let harm: Vec<&String> =
        said.iter().filter(|line| line.starts_with("failed") || line.starts_with("lost")).collect();
    assert!(harm.is_empty(), "{manner:?}: {harm:?}");
}

fn matrix(fault: Fault) {
    let server = ScratchServer::start().expect("a server");
    if server.process_id().is_none() && fault == Fault::Crash {
        println!("skipped: the server that DATABASE_URL names is not ours to stop");
        return;
    }
    let (_, undisturbed) = run(&server, None).expect("an undisturbed run");
    let scale = std::env::var("MIGRATE_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    // A plan of this kind has some 35 events: every one of them, or one in so many, beginning at another for each fault.
    let stride = (20 / scale).max(1);
    let (mut event, mut struck) = (fault as usize % stride, 0);
    while let Some((at, end)) = run(&server, Some((fault, event))) {
        println!("{fault:?} at {event}: {at}");
        assert_eq!(end, undisturbed, "{fault:?} at {at}");
        (event, struck) = (event + stride, struck + 1);
    }
    println!("{fault:?}: {struck} of {event} events");
    assert!(struck > 0 && event > 25, "only {event} events");
}

#[test]
fn a_killed_leader() {
    matrix(Fault::Kill);
}

#[test]
fn a_leader_whose_session_is_ended() {
    matrix(Fault::Terminate);
}

#[test]
fn a_server_that_crashes() {
    matrix(Fault::Crash);
}

#[test]
fn a_leader_that_is_paused() {
    matrix(Fault::Pause);
}

#[test]
fn a_leader_that_is_cut_off() {
    matrix(Fault::Cut);
}
