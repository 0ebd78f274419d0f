//! One runner at a time.
//!
//! The leader's advisory lock lives in the session that the work is done in: whoever ends the one ends the other. Its term
//! is in the journal beside it, and every step that is written asks for it, so that a leader that was deposed without
//! knowing writes nothing more.

use std::thread;
use std::time::{Duration, Instant};

use postgres::types::Type;
use postgres::{Client, GenericClient};

use crate::ask::Ask;
use crate::blocker::{Blocker, BlockerKind};
use crate::database::Doing;
use crate::error::Error;
use crate::session::require_kept;

/// The advisory lock of this library in each database: the bytes of `migrate\0`.
pub(crate) const KEY: i64 = i64::from_be_bytes(*b"migrate\0");

/// The advisory lock that is shared by those who ask for the lead and are to be let go first.
const ASKING: i64 = KEY + 1;

/// The advisory lock that the other sessions of the leader share, by which they are found.
const HELPING: i64 = KEY + 2;

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

/// Who asks for the lead.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Claimant {
    /// The instance, and for how long its silence is borne. A run on a caller's connection has neither: nobody beats for it.
    pub(crate) instance: Option<(i64, Duration)>,
}

/// Runs `work` while holding the leader's lock; gives up after `patience` if another session has it. While it waits it holds
/// the lock of those who ask, which a service at work makes way for.
pub(crate) fn lead<T>(
    client: &mut Client,
    patience: Duration,
    work: impl FnOnce(&mut Client) -> Result<T, Error>,
) -> Result<Lead<T>, Error> {
    let begun = Instant::now();
    let mut is_asking = false;
    while !try_lock(client)? {
        if begun.elapsed() >= patience
            && let Some(other) = holder(client)?
        {
            stop_asking(client)?;
            return Ok(Lead::Other(other));
        }
        if !is_asking {
            ask(client)?;
            is_asking = true;
        }
        thread::sleep(POLL);
    }
    if is_asking {
        stop_asking(client)?;
    }
    let outcome = require_kept(client).and_then(|()| work(client));
    // With a broken connection the lock is gone as well.
    let released = release(client);
    let value = outcome?;
    released?;
    Ok(Lead::Done(value))
}

/// Lets a service at work know that somebody asks for the lead.
fn ask(client: &mut Client) -> Result<(), Error> {
    client.execute("SELECT pg_catalog.pg_try_advisory_lock_shared($1)", &[&ASKING]).doing("asking for the lead")?;
    Ok(())
}

fn stop_asking(client: &mut Client) -> Result<(), Error> {
    client.execute("SELECT pg_catalog.pg_advisory_unlock_shared($1)", &[&ASKING]).doing("asking for the lead")?;
    Ok(())
}

/// Whether somebody asks for the lead.
pub(crate) fn is_asked_for(client: &mut impl GenericClient) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_locks l \
                   WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_catalog.pg_backend_pid() \
                     AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
                     AND l.classid = $1::int::oid AND l.objid = $2::int::oid)";
    let (high, low) = halves_of(ASKING);
    Ok(client.ask_one(sql, &[&high, &low]).doing("looking who asks for the lead")?.get(0))
}

/// Asks for the leader's lock once.
pub(crate) fn try_lock(client: &mut impl GenericClient) -> Result<bool, Error> {
    let row =
        client.ask_one("SELECT pg_catalog.pg_try_advisory_lock($1)", &[&KEY]).doing("asking for the leader's lock")?;
    Ok(row.get(0))
}

/// Begins a term, for the session that has the lock and once there is a state to write it to. A step of the term before
/// that is still being written is waited for; but sessions that helped the leader before are ended first, since one of a
/// process that is paused would keep its transaction open for ever.
pub(crate) fn begin_term(client: &mut impl GenericClient, claimant: Claimant) -> Result<i64, Error> {
    let (instance, lease) = claimant.instance.unzip();
    let lease = lease.map(|lease: Duration| lease.as_secs_f64());
    let (high, low) = halves_of(HELPING);
    let row = client
        .ask_one(
            "WITH dismissed AS MATERIALIZED ( \
                 SELECT count(pg_catalog.pg_terminate_backend(l.pid)) AS sessions \
                 FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
                 WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid <> pg_catalog.pg_backend_pid() \
                   AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
                   AND l.classid = $3::int::oid AND l.objid = $4::int::oid \
                   AND (pg_catalog.pg_has_role(a.usesysid, 'MEMBER') OR pg_catalog.pg_has_role('pg_signal_backend', 'MEMBER'))), \
             begun AS ( \
                 UPDATE migrate.leader SET term = term + 1, pid = pg_catalog.pg_backend_pid(), instance = $1, \
                        application = pg_catalog.current_setting('application_name'), \
                        lease = pg_catalog.make_interval(secs => $2), took_at = clock_timestamp(), \
                        beat_at = clock_timestamp(), released_at = NULL, idle_until = NULL \
                 FROM dismissed WHERE dismissed.sessions >= 0 RETURNING term) \
             SELECT term, pg_catalog.set_config('migrate.term', term::text, false), \
                    pg_catalog.set_config('migrate.instance', coalesce($1::bigint::text, ''), false) FROM begun",
            &[&instance, &lease, &high, &low],
        )
        .doing("taking the lead")?;
    Ok(row.get(0))
}

/// Gives the lock back, and ends the term if one has begun.
pub(crate) fn release(client: &mut Client) -> Result<(), Error> {
    let row = client
        .ask_one(
            "SELECT pg_catalog.current_setting('migrate.term', true), pg_catalog.pg_advisory_unlock($1), \
                    pg_catalog.set_config('migrate.term', '', false), \
                    pg_catalog.set_config('migrate.instance', '', false)",
            &[&KEY],
        )
        .doing("releasing the leader's lock")?;
    let term: Option<String> = row.get(0);
    if let Some(term) = term.and_then(|term| term.parse::<i64>().ok()) {
        client
            .tell("UPDATE migrate.leader SET pid = NULL, released_at = clock_timestamp() WHERE term = $1", &[&term])
            .doing("ending a term")?;
    }
    Ok(())
}

/// Says that there is nothing to do for a while, in the term of this session; not where somebody has asked for another look
/// since it began.
pub(crate) fn rest(client: &mut Client, pause: Duration) -> Result<(), Error> {
    client
        .tell(
            "UPDATE migrate.leader SET trouble = NULL, \
                    idle_until = CASE WHEN asked_at > took_at THEN NULL \
                                 ELSE clock_timestamp() + pg_catalog.make_interval(secs => $1) END \
             WHERE term = nullif(pg_catalog.current_setting('migrate.term', true), '')::bigint",
            &[&pause.as_secs_f64()],
        )
        .doing("resting")?;
    Ok(())
}

/// Asks whoever leads to look at everything again: at once, or when it has done what it is at.
pub(crate) fn disturb(client: &mut impl GenericClient) -> Result<(), Error> {
    client
        .tell(
            "UPDATE migrate.leader SET asked_at = clock_timestamp(), idle_until = NULL \
             RETURNING pg_catalog.pg_notify('migrate', '')",
            &[],
        )
        .doing("asking for another look")?;
    Ok(())
}

/// Says what ended a pass early, and that it need not be tried again for a while, in the term of this session.
pub(crate) fn stumble(client: &mut Client, trouble: &str, pause: Duration) -> Result<(), Error> {
    client
        .tell(
            "UPDATE migrate.leader SET trouble = $2, \
                    idle_until = clock_timestamp() + pg_catalog.make_interval(secs => $1) \
             WHERE term = nullif(pg_catalog.current_setting('migrate.term', true), '')::bigint",
            &[&pause.as_secs_f64(), &trouble],
        )
        .doing("saying what went wrong")?;
    Ok(())
}

/// Says what the step waits for that the session `pid` does, or this one, for whoever asks. It is said again for as long as
/// it is so.
pub(crate) fn wait_for(client: &mut impl GenericClient, pid: Option<i32>, what: &str) -> Result<(), Error> {
    client
        .execute(
            "UPDATE migrate.leader SET waiting = $2, waiting_at = clock_timestamp() \
             WHERE pid = coalesce($1, pg_catalog.pg_backend_pid())",
            &[&pid, &what],
        )
        .doing("saying what is waited for")?;
    Ok(())
}

/// What holds only while this session's term does. It keeps the term from ending before the transaction does.
pub(crate) const IN_TERM: &str = "EXISTS (SELECT FROM migrate.leader \
     WHERE term = nullif(pg_catalog.current_setting('migrate.term', true), '')::bigint FOR KEY SHARE)";

/// The term of a session, for others that work beside it.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    number: String,
    instance: String,
}

impl Term {
    /// The one that this session is in.
    pub(crate) fn of(client: &mut impl GenericClient) -> Result<Term, Error> {
        let row = client
            .ask_one(
                "SELECT coalesce(pg_catalog.current_setting('migrate.term', true), ''), \
                        coalesce(pg_catalog.current_setting('migrate.instance', true), '')",
                &[],
            )
            .doing("asking for the term")?;
        Ok(Term { number: row.get(0), instance: row.get(1) })
    }
}

/// Has what this session writes count as written in a term: it is refused from when another begins, and the session is
/// ended then.
pub(crate) fn join(client: &mut impl GenericClient, term: &Term) -> Result<(), Error> {
    client
        .ask_one(
            "SELECT pg_catalog.set_config('migrate.term', $1, false), pg_catalog.set_config('migrate.instance', $2, false), \
                    pg_catalog.pg_try_advisory_lock_shared($3)",
            &[&term.number, &term.instance, &HELPING],
        )
        .doing("joining a term")?;
    Ok(())
}

/// Refuses what was written outside of a term: `rows` is how many rows a statement with [`IN_TERM`] changed.
pub(crate) fn require_term(rows: u64) -> Result<(), Error> {
    if rows == 0 { Err(Error::Deposed) } else { Ok(()) }
}

/// Ends the session of a leader that is not heard of any more, if it still has the lock. Answers whether it was told to end.
pub(crate) fn depose(client: &mut impl GenericClient, pid: i32) -> Result<bool, Error> {
    let (high, low) = halves();
    let row = client
        .ask_opt(
            "SELECT pg_catalog.pg_terminate_backend(l.pid) FROM pg_catalog.pg_locks l \
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.pid = $3 \
               AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
               AND l.classid = $1::int::oid AND l.objid = $2::int::oid",
            &[&high, &low, &pid],
        )
        .doing("ending the session of a leader that is not heard of")?;
    Ok(row.is_some_and(|row| row.get(0)))
}

/// The session that has the leader's lock.
pub(crate) fn holder(client: &mut impl GenericClient) -> Result<Option<Blocker>, Error> {
    let (high, low) = halves();
    let row = client
        .query_typed_opt(
            "SELECT a.pid, coalesce(a.application_name, ''), coalesce(a.state, 'unknown'), \
                    coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8 \
             FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid) \
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
               AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
               AND l.classid = $1::int::oid AND l.objid = $2::int::oid",
            &[(&high, Type::INT4), (&low, Type::INT4)],
        )
        .doing("looking for the leader")?;
    Ok(row.map(|row| Blocker {
        kind: BlockerKind::Session,
        pid: row.get(0),
        application: row.get(1),
        state: row.get(2),
        open_for: Duration::from_secs_f64(row.get(3)),
    }))
}

/// What ended the last pass of a service early, where no later one went well; and what is being waited for.
pub(crate) fn told(client: &mut impl GenericClient) -> Result<(Option<String>, Option<String>), Error> {
    let row = client
        .query_typed_opt(
            "SELECT trouble, CASE WHEN clock_timestamp() - waiting_at < interval '5 s' THEN waiting END FROM migrate.leader",
            &[],
        )
        .doing("asking for the last pass")?;
    Ok(row.map_or((None, None), |row| (row.get(0), row.get(1))))
}

/// The key as `pg_locks` shows it.
fn halves() -> (i32, i32) {
    halves_of(KEY)
}

fn halves_of(key: i64) -> (i32, i32) {
    ((key >> 32) as i32, key as i32)
}
