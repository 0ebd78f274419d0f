//! One instance leads; when it dies, is paused or is cut off, another goes on.

use std::time::{Duration, Instant};

use postgres::Client;

use crate::agent::{Agent, Manner};
use crate::builds::{Build, till};
use crate::proxy::Proxy;

const LONG: Duration = Duration::from_secs(60);

/// Waits until a query answers true; panics with `what` after a minute.
pub fn until(client: &mut Client, what: &str, sql: &str) -> Duration {
    let begun = Instant::now();
    loop {
        if client.query_one(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}")).get::<_, Option<bool>>(0)
            == Some(true)
        {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < LONG, "not within a minute: {what}\n{}", state(client));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the state says, for a test that fails.
pub fn state(client: &mut Client) -> String {
    let sql = "SELECT to_jsonb(p) - 'declaration' FROM migrate.plan p UNION ALL SELECT to_jsonb(l) FROM migrate.leader l \
               UNION ALL SELECT to_jsonb(i) - 'secret' FROM migrate.instance i \
               UNION ALL SELECT to_jsonb(a) - 'backend_xmin' FROM pg_stat_activity a WHERE datname = current_database()";
    let rows = client.query(&format!("SELECT j::text FROM ({sql}) x(j)"), &[]);
    rows.map_or_else(|error| error.to_string(), |rows| rows.iter().map(|row| row.get::<_, String>(0) + "\n").collect())
}

/// The steps that are done, each of them once.
pub fn done_once(client: &mut Client) {
    let twice = client
        .query(
            "SELECT step, count(*) FROM migrate.history WHERE event = 'done' GROUP BY plan, step HAVING count(*) > 1",
            &[],
        )
        .expect("the history");
    assert!(twice.is_empty(), "{} was done {} times", twice[0].get::<_, &str>(0), twice[0].get::<_, i64>(1));
}

const FILLED: &str =
    "SELECT count(*) = 0 FROM migrate.step WHERE phase IN ('expand', 'dual_write') AND state <> 'done'";
const FILLING: &str = "SELECT coalesce(sum(rows_done), 0) > 0 AND EXISTS (SELECT FROM migrate.step \
                       WHERE work[1] = 'backfill' AND state <> 'done') FROM migrate.cursor";
const TERM: &str = "SELECT coalesce(max(term), 0) FROM migrate.leader";

/// Two instances, one of which leads and is at the backfill: the leader and the other.
fn two(url: &str, through: &str, client: &mut Client) -> (Agent, Agent) {
    let mut leader = Agent::spawn(through, Manner::of(Build::DualWrite));
    leader.ready();
    let other = Agent::spawn(url, Manner::of(Build::DualWrite));
    until(client, "the backfill has begun", FILLING);
    (leader, other)
}

#[test]
fn the_next_takes_over_when_the_leader_is_killed() {
    let (database, mut client) = till(400_000);
    let (mut leader, mut other) = two(database.url(), database.url(), &mut client);
    other.ready();
    let term: i64 = client.query_one(TERM, &[]).expect("a term").get(0);
    leader.kill();
    let took = until(&mut client, "another leads", &format!("SELECT term > {term} FROM migrate.leader"));
    println!("another led {took:?} after the kill");
    assert!(took < Duration::from_secs(5), "{took:?}");
    until(&mut client, "filled", FILLED);
    done_once(&mut client);
    other.stop();
}

#[test]
fn the_next_takes_over_from_a_leader_that_is_paused_and_that_does_no_harm_when_it_wakes() {
    let (database, mut client) = till(400_000);
    let (leader, mut other) = two(database.url(), database.url(), &mut client);
    other.ready();
    let term: i64 = client.query_one(TERM, &[]).expect("a term").get(0);
    leader.signal("STOP");
    let took = until(&mut client, "another leads", &format!("SELECT term > {term} FROM migrate.leader"));
    println!("another led {took:?} after the pause");
    assert!(took < Duration::from_secs(6), "{took:?}");
    leader.signal("CONT");
    until(&mut client, "filled", FILLED);
    done_once(&mut client);
    // It comes back as an instance like any other.
    until(
        &mut client,
        "both are heard of",
        "SELECT count(*) = 2 FROM migrate.instance \
          WHERE state = 'live' AND clock_timestamp() - beat_at < interval '1 s'",
    );
    leader.stop();
    other.stop();
}

/// Nobody commits for the second session of the paused process, whose transaction keeps the term that it is in.
#[test]
fn the_next_takes_over_from_a_leader_that_is_paused_with_a_helper_in_the_middle_of_a_batch() {
    let (database, mut client) = till(400_000);
    let mut leader = Agent::spawn(database.url(), Manner::of(Build::DualWrite).with_a_helper_that_pauses());
    leader.ready();
    leader.hear("at the commit of a helper", LONG).expect("a helper");
    leader.signal("STOP");
    let term: i64 = client.query_one(TERM, &[]).expect("a term").get(0);
    let mut other = Agent::spawn(database.url(), Manner::of(Build::DualWrite));
    let took = until(&mut client, "another leads", &format!("SELECT term > {term} FROM migrate.leader"));
    println!("another led {took:?} after the pause");
    other.ready();
    leader.signal("CONT");
    leader.go_on();
    until(&mut client, "filled", FILLED);
    done_once(&mut client);
    leader.stop();
    other.stop();
}

#[test]
fn the_next_takes_over_from_a_leader_that_is_cut_off_without_a_word() {
    let (database, mut client) = till(400_000);
    let proxy = Proxy::to(database.url());
    let (leader, mut other) = two(database.url(), &proxy.url(), &mut client);
    other.ready();
    let term: i64 = client.query_one(TERM, &[]).expect("a term").get(0);
    proxy.cut();
    let took = until(&mut client, "another leads", &format!("SELECT term > {term} FROM migrate.leader"));
    println!("another led {took:?} after the cut");
    assert!(took < Duration::from_secs(6), "{took:?}");
    until(&mut client, "filled", FILLED);
    done_once(&mut client);
    proxy.mend();
    until(
        &mut client,
        "both are heard of",
        "SELECT count(*) = 2 FROM migrate.instance \
          WHERE state = 'live' AND clock_timestamp() - beat_at < interval '1 s'",
    );
    leader.stop();
    other.stop();
}

#[test]
fn ten_instances_that_start_at_once_do_each_step_once() {
    let (database, mut client) = till(2000);
    let mut agents: Vec<Agent> = (0..10).map(|_| Agent::spawn(database.url(), Manner::of(Build::DualWrite))).collect();
    for agent in &mut agents {
        agent.ready();
    }
    until(&mut client, "filled", FILLED);
    done_once(&mut client);
    let live: i64 =
        client.query_one("SELECT count(*) FROM migrate.instance WHERE state = 'live'", &[]).expect("a count").get(0);
    assert_eq!(live, 10);
    agents.into_iter().for_each(|agent| drop(agent.stop()));
    let live: i64 =
        client.query_one("SELECT count(*) FROM migrate.instance WHERE state = 'live'", &[]).expect("a count").get(0);
    assert_eq!(live, 0);
}

#[test]
fn a_service_at_a_backfill_makes_way_for_an_operator_and_goes_on_after() {
    let (database, mut client) = till(400_000);
    let service = Build::DualWrite.migrator().start(database.url()).expect("a service");
    until(&mut client, "the backfill has begun", FILLING);
    let begun = Instant::now();
    // It needs the lead, and does not end what is being filled.
    Build::DualWrite.migrator().release(&mut client, "money").expect("a release");
    println!("the lead was had after {:?}", begun.elapsed());
    let is_filling: bool = client.query_one(FILLING, &[]).expect("the journal").get(0);
    assert!(is_filling, "the backfill was waited for");
    until(&mut client, "filled", FILLED);
    done_once(&mut client);
    service.stop();
}

/// The session of the leader lives on here, as it may where a lock was lost with its server: only the term tells.
#[test]
fn a_leader_whose_term_has_passed_writes_nothing_more() {
    let (database, mut client) = till(400_000);
    let service = Build::DualWrite.migrator().start(database.url()).expect("a service");
    until(&mut client, "the backfill has begun", FILLING);
    // It waits for the batch that is being written, and none is written after it.
    let sql = "UPDATE migrate.leader SET term = term + 100 RETURNING term";
    let passed: i64 = client.query_one(sql, &[]).expect("another term").get(0);
    let sight = "SELECT (SELECT term FROM migrate.leader), (SELECT sum(rows_done)::bigint FROM migrate.cursor)";
    let mut look = || -> (i64, i64) {
        let row = client.query_one(sight, &[]).expect("the state");
        (row.get(0), row.get(1))
    };
    let (begun, (_, rows)) = (Instant::now(), look());
    loop {
        match look() {
            (term, now) if term == passed => assert_eq!(now, rows, "rows were filled in a term that has passed"),
            _ => break,
        }
        assert!(begun.elapsed() < LONG, "it does not lead again");
    }
    until(&mut client, "filled", FILLED);
    done_once(&mut client);
    service.stop();
}
