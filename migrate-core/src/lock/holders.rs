//! Who holds a table.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use migrate_plan::LockMode;
use postgres::{Client, Row};

use crate::ask::Ask;
use crate::blocker::{Blocker, BlockerKind};
use crate::database::Doing;
use crate::error::Error;

/// SQL for what the session in row `a` of `pg_stat_activity` is, as a word of [`BlockerKind::of_word`]. Only
/// an autovacuum worker has locks and no user, which everybody may see; what it does, a role without
/// `pg_read_all_stats` does not, and takes it from `aged`: whether the table is old enough for PostgreSQL to
/// vacuum it against wraparound.
pub(crate) const KIND: &str = "CASE WHEN a.backend_type = 'autovacuum worker' \
          THEN CASE WHEN a.query LIKE '%(to prevent wraparound)%' THEN 'wraparound' ELSE 'autovacuum' END \
     WHEN a.backend_type IS NULL AND a.usesysid IS NULL \
          THEN CASE WHEN aged THEN 'wraparound' ELSE 'autovacuum' END \
     ELSE 'session' END";

/// A holder this old is waited for without asking for the lock.
const OLD: Duration = Duration::from_millis(100);

/// How old a whole look may be: in the meantime a holder may have let the table go and kept its transaction, and others may
/// have come.
const WHOLE: Duration = Duration::from_secs(1);

/// A transaction that holds a table.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) blocker: Blocker,
    /// `virtualtransaction` in `pg_locks`, which no other transaction ever has again.
    pub(super) transaction: String,
}

impl Holder {
    /// The same, so much later.
    fn later(&self, passed: Duration) -> Holder {
        let mut later = self.clone();
        later.blocker.open_for += passed;
        later
    }
}

/// Looks at a table again and again. What it has seen before tells how old transactions are whose start the
/// role may not see.
#[derive(Debug)]
pub(super) struct Lookout<'a> {
    table: &'a str,
    mode: LockMode,
    seen: HashMap<(i32, String), Instant>,
    /// What the last whole look found, and when that was.
    last: Option<(Instant, Vec<Holder>)>,
}

impl<'a> Lookout<'a> {
    /// Over the locks on `table`, qualified and quoted, and its partitions and children that stand in the way of
    /// `mode`.
    pub(super) fn over(table: &'a str, mode: LockMode) -> Lookout<'a> {
        Lookout { table, mode, seen: HashMap::new(), last: None }
    }

    /// Those who hold the table now in old transactions, the oldest first. While those that were last found are there, it is
    /// enough to know that they are: a whole look takes many times as long, and a report may read for hours.
    pub(super) fn old(&mut self, client: &mut Client) -> Result<Vec<Holder>, Error> {
        if let Some((at, holders)) = &self.last
            && at.elapsed() < WHOLE
            && are_there(client, holders)?
        {
            return Ok(holders.iter().map(|holder| holder.later(at.elapsed())).collect());
        }
        let holders = self.holders(client, OLD)?;
        self.last = (!holders.is_empty()).then(|| (Instant::now(), holders.clone()));
        Ok(holders)
    }

    /// Those who hold the table now in transactions at least this old, the oldest first.
    pub(super) fn holders(&mut self, client: &mut Client, at_least: Duration) -> Result<Vec<Holder>, Error> {
        let rows = client.ask(&sql(), &[&self.table, &conflicting(self.mode)]).doing("looking who holds a table")?;
        let now = Instant::now();
        let all: Vec<Holder> = rows.iter().map(|row| self.holder(row, now)).collect();
        self.seen.retain(|(pid, transaction), _| {
            all.iter().any(|holder| holder.blocker.pid == *pid && holder.transaction == *transaction)
        });
        let mut old: Vec<Holder> = all.into_iter().filter(|holder| holder.blocker.open_for >= at_least).collect();
        old.sort_by_key(|holder| std::cmp::Reverse(holder.blocker.open_for));
        Ok(old)
    }

    fn holder(&mut self, row: &Row, now: Instant) -> Holder {
        let (pid, transaction): (i32, String) = (row.get(0), row.get(1));
        let first = *self.seen.entry((pid, transaction.clone())).or_insert(now);
        let age = row.get::<_, Option<f64>>(5).map(|age| Duration::from_secs_f64(age.max(0.0)));
        let blocker = Blocker {
            kind: BlockerKind::of_word(row.get(2)),
            pid,
            application: row.get(3),
            state: row.get(4),
            open_for: age.unwrap_or_else(|| now.duration_since(first)),
        };
        Holder { blocker, transaction }
    }
}

/// Whether all of these transactions are still open.
fn are_there(client: &mut Client, holders: &[Holder]) -> Result<bool, Error> {
    let transactions: Vec<&str> = holders.iter().map(|holder| holder.transaction.as_str()).collect();
    let open = "SELECT count(DISTINCT virtualtransaction) FROM pg_catalog.pg_locks WHERE virtualtransaction = ANY ($1)";
    let row = client.ask_one(open, &[&transactions]).doing("looking who holds a table")?;
    Ok(usize::try_from(row.get::<_, i64>(0)) == Ok(holders.len()))
}

/// The modes that are not had at the same time; none for all of them.
fn conflicting(mode: LockMode) -> &'static [&'static str] {
    match mode {
        LockMode::AccessExclusive => &[],
        LockMode::ShareUpdateExclusive => {
            &["ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"]
        }
        LockMode::AccessShare | LockMode::RowExclusive => &["AccessExclusiveLock"],
    }
}

/// The startup process of a standby holds what it replays: that is no query.
fn sql() -> String {
    format!(
        "WITH RECURSIVE member(oid) AS ( \
             SELECT pg_catalog.to_regclass($1)::oid \
             UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN member m ON m.oid = i.inhparent) \
         , held AS ( \
             SELECT l.pid, l.virtualtransaction AS transaction, \
                    bool_or(age(c.relfrozenxid) > current_setting('autovacuum_freeze_max_age')::int \
                            OR mxid_age(c.relminmxid) > current_setting('autovacuum_multixact_freeze_max_age')::int) \
                    FILTER (WHERE c.relkind <> 'p') AS aged \
             FROM pg_catalog.pg_locks l JOIN member m ON l.relation = m.oid JOIN pg_catalog.pg_class c ON c.oid = m.oid \
             WHERE l.locktype = 'relation' AND l.granted \
               AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) \
               AND (cardinality($2::text[]) = 0 OR l.mode = ANY ($2)) \
             GROUP BY 1, 2) \
         SELECT a.pid, held.transaction, {KIND}, coalesce(a.application_name, ''), \
                coalesce(a.state, a.backend_type, 'unknown'), \
                extract(epoch FROM clock_timestamp() - a.xact_start)::float8 \
         FROM held JOIN pg_catalog.pg_stat_activity a USING (pid) \
         WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.backend_type IS DISTINCT FROM 'startup' \
         UNION ALL \
         SELECT DISTINCT 0, held.transaction, 'prepared', p.gid, 'prepared', \
                extract(epoch FROM clock_timestamp() - p.prepared)::float8 \
         FROM held JOIN pg_catalog.pg_locks own ON own.virtualtransaction = held.transaction \
         JOIN pg_catalog.pg_prepared_xacts p ON p.transaction = own.transactionid \
         WHERE held.pid IS NULL AND own.pid IS NULL AND own.locktype = 'transactionid'"
    )
}
