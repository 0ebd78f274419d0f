//! Random schedules of starts, stops, kills, pauses and leases that run out: contract never comes while an instance of an older
//! build lives, and comes when none does.
//!
//! Five schedules by default, a thousand with `MIGRATE_TEST_SCALE=200`; several go on side by side.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use migrate::testing::ScratchServer;
use postgres::Client;

use crate::agent::{Agent, Manner};
use crate::builds::{Build, create_till};
use crate::leads::{state, until};

/// Short, so that leases run out in the middle of schedules; long enough for a busy machine.
const LEASE: Duration = Duration::from_millis(1200);

/// How many go on side by side.
const LANES: u64 = 3;

/// An older instance, as the schedule has dealt with it.
struct Old {
    agent: Agent,
    is_paused: bool,
}

#[test]
fn contract_never_comes_while_an_older_instance_lives() {
    let scale: u64 = std::env::var("MIGRATE_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let server = ScratchServer::start().expect("a server");
    let (schedules, next) = (5 * scale, AtomicU64::new(0));
    let (paused, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= schedules {
                        break;
                    }
                    let (pauses, refusals) = schedule(&server, number);
                    paused.fetch_add(pauses, Ordering::Relaxed);
                    refused.fetch_add(refusals, Ordering::Relaxed);
                }
            });
        }
    });
    println!("{schedules} schedules, {paused:?} pauses past a lease, {refused:?} older builds refused after contract");
}

/// One schedule; answers how often an instance was paused past its lease and how many older ones were kept out.
fn schedule(server: &ScratchServer, seed: u64) -> (u64, u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let database = server.database().expect("a database");
    let mut client = database.connect().expect("a connection");
    create_till(&mut client, 50);
    let (mut olds, mut writers, mut pauses, mut refusals): (Vec<Old>, u32, u64, u64) = (Vec::new(), 0, 0, 0);
    let old = |random: &mut fastrand::Rng, writers: &mut u32| {
        *writers += 1;
        let build = [Build::Before, Build::DualWrite, Build::Switch][random.usize(0..3)];
        Agent::spawn(database.url(), Manner::of(build).writing(*writers).lease(LEASE))
    };
    let mut first = Agent::spawn(database.url(), Manner::of(Build::Switch).writing(0).lease(LEASE));
    first.ready();
    olds.push(Old { agent: first, is_paused: false });
    until(&mut client, "switched", "SELECT side = 'new' FROM migrate.plan");
    let mut contract = Agent::spawn(database.url(), Manner::of(Build::Contract).writing(900).lease(LEASE));
    contract.ready();
    let moves = random.usize(3..9);
    for _ in 0..moves {
        match random.u8(0..10) {
            0..3 if olds.len() < 4 => {
                let mut agent = old(&mut random, &mut writers);
                if agent.hear("ready", Duration::from_secs(1)).is_some() {
                    olds.push(Old { agent, is_paused: false });
                } else {
                    // Contract has come: it was kept out, or is still at it.
                    refusals += u64::from(agent.hear("refused", Duration::from_secs(30)).is_some());
                    harmless(seed, &mut agent);
                }
            }
            3 | 4 if !olds.is_empty() => {
                let gone = olds.swap_remove(random.usize(0..olds.len()));
                if gone.is_paused {
                    gone.agent.signal("CONT");
                }
                let mut agent = gone.agent;
                harmless(seed, &mut agent);
                let said = agent.stop();
                assert!(!said.iter().any(|line| is_harm(line)), "schedule {seed}: {said:?}");
            }
            5 | 6 if !olds.is_empty() => {
                let mut gone = olds.swap_remove(random.usize(0..olds.len()));
                harmless(seed, &mut gone.agent);
                gone.agent.kill();
                harmless(seed, &mut gone.agent);
            }
            7 | 8 if olds.iter().any(|old| !old.is_paused) => {
                let running: Vec<usize> = (0..olds.len()).filter(|place| !olds[*place].is_paused).collect();
                let place = running[random.usize(0..running.len())];
                olds[place].agent.signal("STOP");
                olds[place].is_paused = true;
                pauses += 1;
            }
            _ => {
                for old in olds.iter_mut().filter(|old| old.is_paused) {
                    old.agent.signal("CONT");
                    old.is_paused = false;
                }
            }
        }
        // Time is part of the schedule: leases run out in it, and graces end.
        let pause = Duration::from_millis(random.u64(0..900));
        let until = Instant::now() + pause;
        while Instant::now() < until {
            look(seed, &mut client, &mut olds);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    look(seed, &mut client, &mut olds);
    for mut old in olds {
        if old.is_paused {
            old.agent.signal("CONT");
        }
        harmless(seed, &mut old.agent);
        let said = old.agent.stop();
        assert!(!said.iter().any(|line| is_harm(line)), "schedule {seed}: {said:?}");
    }
    until(&mut client, "finished", "SELECT status = 'finished' FROM migrate.plan");
    harmless(seed, &mut contract);
    let said = contract.stop();
    assert!(!said.iter().any(|line| is_harm(line)), "schedule {seed}: {said:?}");
    (pauses, refusals)
}

/// While an older instance lives, paused or not, no step of contract is done.
fn look(seed: u64, client: &mut Client, olds: &mut [Old]) {
    let sql = "SELECT count(*) FROM migrate.step WHERE phase = 'contract' AND state <> 'pending'";
    let done: i64 = client.query_one(sql, &[]).expect("the journal").get(0);
    let living: Vec<String> =
        olds.iter().map(|old| format!("{:?} {}", old.agent.manner.build, old.agent.id())).collect();
    assert!(done == 0 || living.is_empty(), "schedule {seed}: contract beside {living:?}\n{}", state(client));
    olds.iter_mut().for_each(|old| harmless(seed, &mut old.agent));
}

fn is_harm(line: &str) -> bool {
    line.starts_with("failed") || line.starts_with("lost")
}

fn harmless(seed: u64, agent: &mut Agent) {
    let manner = agent.manner;
    let harm: Vec<&String> = agent.listen().iter().filter(|line| is_harm(line)).collect();
    assert!(harm.is_empty(), "schedule {seed}: {manner:?}: {harm:?}");
}
