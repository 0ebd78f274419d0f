//! The bar: a busy table with a long reader goes through a whole plan, and no statement of the application waits
//! for a lock of ours longer than the stall budget.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use migrate::{Position, Settings};

use super::traffic;
use crate::database;
use crate::observed::{run, value};

mod contract {
    migrate::plan! { pub mod money; stage contract;
        table till (id: bigint) {
            total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
            note: text => remark: text;
        }
    }
}

/// 8 clients, each with a statement about every 10 ms.
const CLIENTS: usize = 8;
const PAUSE: Duration = Duration::from_millis(10);

#[test]
fn nobody_waits_for_a_whole_plan_longer_than_the_stall_budget() {
    let database = database::fresh();
    let mut client = database.connect().expect("a connection");
    run(
        &mut client,
        "CREATE TABLE till (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL, note text, other integer NOT NULL DEFAULT 0); \
         INSERT INTO till SELECT g, g, 'note ' || g FROM generate_series(1, 20000) g",
    );
    let runner = value(&mut client, "SELECT pg_backend_pid()");
    // 3 s, and 30 s at the scale of a release.
    let reads = Duration::from_secs(3) * database::scale().min(10);
    let mut reader = database.connect().expect("a connection");
    let ended = AtomicBool::new(false);
    let (begun, migrator) = (Instant::now(), database::migrator(&contract::money::PLAN));
    let (report, toll) = thread::scope(|scope| {
        let ended = &ended;
        scope.spawn(move || {
            while !ended.load(Ordering::SeqCst) {
                run(&mut reader, "BEGIN; SELECT count(*) FROM till");
                let begun = Instant::now();
                while begun.elapsed() < reads && !ended.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(5));
                }
                run(&mut reader, "COMMIT");
                thread::sleep(Duration::from_millis(200));
            }
        });
        let statement = |client: usize, round: usize| {
            let id = 1 + (client * 2503 + round * 7919) % 20_000;
            if round.is_multiple_of(2) {
                format!("UPDATE till SET other = other + 1 WHERE id = {id}")
            } else {
                format!("SELECT other FROM till WHERE id = {id}")
            }
        };
        let outcome = traffic::beside(&database, &runner, CLIENTS, PAUSE, statement, || migrator.run(&mut client));
        ended.store(true, Ordering::SeqCst);
        outcome
    });
    let report = report.expect("a run");
    println!("{:.1} s: {toll:?}", begun.elapsed().as_secs_f64());
    assert_eq!(report.plans[0].position, Position::Finished, "{report}");
    assert!(begun.elapsed() > reads, "the reader was in the way");
    assert!(toll.statements > 1000, "{toll:?}");
    assert!(toll.longest_wait <= Settings::default().stall_budget, "{toll:?}");
}
