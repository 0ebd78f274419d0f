//! One runner at a time.

use std::thread;
use std::time::{Duration, Instant};

use postgres::Client;

use crate::database::Doing;
use crate::error::{Blocker, Error};
use crate::session::require_kept;

/// The advisory lock of this library in each database: the bytes of `migrate\0`.
const KEY: i64 = i64::from_be_bytes(*b"migrate\0");

/// How often the lock is asked for. Asking, never waiting: a session that waits for an advisory lock
/// holds a snapshot, and a concurrent index build of the holder would wait for that.
const POLL: Duration = Duration::from_millis(50);

/// Whether this session leads.
pub(crate) enum Lead<T> {
    /// It did, and this came of it.
    Done(T),
    /// Another session does.
    Other(Blocker),
}

/// Runs `work` while holding the leader's lock; gives up after `patience` if another session has it.
pub(crate) fn lead<T>(
    client: &mut Client,
    patience: Duration,
    work: impl FnOnce(&mut Client) -> Result<T, Error>,
) -> Result<Lead<T>, Error> {
    let begun = Instant::now();
    loop {
        let taken: bool = client
            .query_one("SELECT pg_catalog.pg_try_advisory_lock($1)", &[&KEY])
            .doing("asking for the leader's lock")?
            .get(0);
        if taken {
            break;
        }
        if begun.elapsed() >= patience
            && let Some(other) = holder(client)?
        {
            return Ok(Lead::Other(other));
        }
        thread::sleep(POLL);
    }
    let outcome = require_kept(client).and_then(|()| work(client));
    // With a broken connection the lock is gone as well.
    let released = client.query_one("SELECT pg_catalog.pg_advisory_unlock($1)", &[&KEY]);
    let value = outcome?;
    released.doing("releasing the leader's lock")?;
    Ok(Lead::Done(value))
}

fn holder(client: &mut Client) -> Result<Option<Blocker>, Error> {
    let (high, low) = ((KEY >> 32) as i32, KEY as i32);
    let row = client
        .query_opt(
            "SELECT a.pid, coalesce(a.application_name, ''), coalesce(a.state, 'unknown'), \
                    coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8 \
             FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid) \
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
               AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
               AND l.classid = $1::int::oid AND l.objid = $2::int::oid",
            &[&high, &low],
        )
        .doing("looking for the leader")?;
    Ok(row.map(|row| Blocker {
        pid: row.get(0),
        application: row.get(1),
        state: row.get(2),
        open_for: Duration::from_secs_f64(row.get(3)),
    }))
}
