//! A role that may not see what other roles do: it sees that they hold the table, and for how long it has seen
//! that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use migrate::Event;

use super::{TABLE, dual_write};
use crate::database;
use crate::observed::{run, value};
use crate::role::Role;

#[test]
fn a_role_that_sees_no_ages_does_not_queue_behind_a_long_reader_either() {
    let database = database::fresh();
    let mut admin = database.connect().expect("a connection");
    let role = Role::new(&database, "runner");
    run(&mut admin, TABLE);
    run(&mut admin, &format!("GRANT CREATE ON DATABASE {} TO {}", database.name(), role.name()));
    run(&mut admin, &format!("GRANT CREATE ON SCHEMA public TO {0}; ALTER TABLE till OWNER TO {0}", role.name()));
    let mut reader = database.connect().expect("a connection");
    run(&mut reader, "SET application_name = 'report'; BEGIN; SELECT count(*) FROM till");
    let told = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&told);
    let migrator = database::migrator(&dual_write::money::PLAN).observe(move |event| {
        if let Event::LockWaited { blockers, .. } = event {
            assert_eq!((blockers[0].application.as_str(), blockers[0].state.as_str()), ("report", "unknown"));
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let mut client = role.connect(&database);
    let runner = thread::spawn(move || migrator.run(&mut client));
    let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation' \
                   AND relation = 'till'::regclass";
    while told.load(Ordering::SeqCst) < 2 {
        assert_eq!(value(&mut admin, waiting), "0");
    }
    run(&mut reader, "COMMIT");
    let report = runner.join().expect("the runner").expect("a run");
    assert!(report.is_complete(), "{report}");
}
