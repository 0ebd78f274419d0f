//! The load of the database, as its views show it.

use std::time::Duration;

use postgres::{Client, Row};

use super::log::Written;
use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::state::PlanRow;

/// One look.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals {
    /// Sessions of clients, and how many there may be.
    pub(super) connections: i64,
    pub(super) most_connections: i64,
    pub(super) archiver: Option<Archiver>,
    /// The slot that keeps the most log, and how much.
    pub(super) slot: Option<(String, u64)>,
    /// How much a slot may keep.
    pub(super) most_kept: Option<u64>,
    /// Standbys, with what each is behind: in time where that is known, and in bytes.
    pub(super) standbys: Vec<(String, Option<Duration>, u64)>,
    /// A vacuum that works on the table, and whether it must not be kept waiting.
    pub(super) vacuum: Option<bool>,
    pub(super) written: Written,
}

/// Segments of the log that are to be archived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Archiver {
    pub(super) waiting: u64,
}

/// Where the server counts the checkpoints that it was asked for: SQL for [`read`].
pub(super) fn requested_checkpoints(client: &mut Client) -> Result<&'static str, Error> {
    let row = client
        .ask_one("SELECT pg_catalog.current_setting('server_version_num')::int", &[])
        .doing("asking for the server's version")?;
    Ok(match row.get::<_, i32>(0) {
        ..170_000 => "(SELECT checkpoints_req FROM pg_catalog.pg_stat_bgwriter)",
        _ => "(SELECT num_requested FROM pg_catalog.pg_stat_checkpointer)",
    })
}

/// Looks at what a job must not make worse; `requested` is SQL for the number of checkpoints that were asked for.
pub(super) fn read(client: &mut Client, plan: &PlanRow, requested: &str) -> Result<Signals, Error> {
    // The functions behind the views, which join more than is asked for here: to plan that is most of what they cost. A role
    // that does not see where others are sees that they are there.
    let sql = format!(
        "SELECT (SELECT count(*) FROM pg_catalog.pg_stat_get_activity(NULL) WHERE backend_type = 'client backend'), \
                pg_catalog.current_setting('max_connections')::int8, \
                pg_catalog.current_setting('archive_mode') <> 'off', a.last_archived_wal, a.last_failed_wal, \
                pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), \
                pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')), \
                s.slot_name, s.kept::int8, \
                CASE WHEN pg_catalog.current_setting('max_slot_wal_keep_size') <> '-1' \
                     THEN pg_catalog.pg_size_bytes(pg_catalog.current_setting('max_slot_wal_keep_size')) END, \
                v.wraparound, r.names, r.lags, r.behind, \
                (pg_catalog.pg_current_wal_insert_lsn() - '0/0'::pg_catalog.pg_lsn)::int8, {requested}::int8 \
         FROM pg_catalog.pg_stat_archiver a \
         LEFT JOIN (SELECT slot_name::text, pg_catalog.pg_current_wal_lsn() - restart_lsn AS kept \
                    FROM pg_catalog.pg_replication_slots WHERE restart_lsn IS NOT NULL \
                    ORDER BY 2 DESC LIMIT 1) s ON true \
         LEFT JOIN (SELECT bool_or(coalesce(w.query LIKE '%to prevent wraparound%', false)) AS wraparound \
                    FROM pg_catalog.pg_stat_get_progress_info('VACUUM') p \
                    JOIN pg_catalog.pg_stat_get_activity(NULL) w ON w.pid = p.pid AND w.backend_type = 'autovacuum worker' \
                    WHERE p.relid IN (SELECT relation FROM migrate.cursor WHERE plan = $1)) v ON true \
         CROSS JOIN (SELECT coalesce(array_agg(coalesce(nullif(application_name, ''), 'unnamed')), '{{}}') AS names, \
                            coalesce(array_agg(extract(epoch FROM replay_lag)::float8), '{{}}') AS lags, \
                            coalesce(array_agg(greatest(pg_catalog.pg_current_wal_lsn() - replay_lsn, 0)::int8), '{{}}') AS behind \
                     FROM pg_catalog.pg_stat_replication \
                     WHERE state = 'streaming' AND replay_lsn IS NOT NULL \
                       AND application_name <> ALL (ARRAY['pg_basebackup', 'pg_receivewal'])) r"
    );
    let row = client.ask_one_again(&sql, &[&plan.id]).doing("reading the load of the database")?;
    Ok(Signals {
        connections: row.get(0),
        most_connections: row.get(1),
        archiver: archiver(&row),
        slot: row.get::<_, Option<String>>(7).map(|slot| (slot, bytes(row.get(8)))),
        most_kept: row.get::<_, Option<i64>>(9).map(|kept| bytes(Some(kept))),
        standbys: standbys(&row),
        vacuum: row.get(10),
        written: Written {
            bytes: bytes(row.get(14)),
            requested: row.get::<_, Option<i64>>(15).map(|count| bytes(Some(count))),
        },
    })
}

fn bytes(count: Option<i64>) -> u64 {
    count.unwrap_or(0).max(0).unsigned_abs()
}

fn standbys(row: &Row) -> Vec<(String, Option<Duration>, u64)> {
    let (names, lags, behind): (Vec<String>, Vec<Option<f64>>, Vec<i64>) = (row.get(11), row.get(12), row.get(13));
    let lag = |lag: Option<f64>| lag.map(|lag| Duration::from_secs_f64(lag.max(0.0)));
    names.into_iter().zip(lags).zip(behind).map(|((name, time), kept)| (name, lag(time), bytes(Some(kept)))).collect()
}

/// Nothing is known where nothing was ever archived and nothing has failed, as right after the statistics were reset.
fn archiver(row: &Row) -> Option<Archiver> {
    let (is_on, archived, failed): (bool, Option<&str>, Option<&str>) = (row.get(2), row.get(3), row.get(4));
    if !is_on {
        return None;
    }
    let size = bytes(row.get(6)).max(1);
    let number = |name: &str| segment(name, size);
    let current = number(row.get(5))?;
    let last = archived.or(failed).and_then(number)?;
    Some(Archiver { waiting: current.saturating_sub(last) })
}

/// The number of a segment by the name of its file: 8 digits of the timeline, 8 of the log, 8 of the segment in it. A log has
/// 4 GB.
fn segment(name: &str, size: u64) -> Option<u64> {
    let part = |from: usize| u64::from_str_radix(name.get(from..from + 8)?, 16).ok();
    Some(part(8)? * (0x1_0000_0000 / size) + part(16)?)
}

/// How many sessions of others are at work, and do not wait for a lock.
pub(super) fn others_at_work(client: &mut Client, ours: &[i32]) -> Result<u64, Error> {
    let sql = "SELECT count(*) FROM pg_catalog.pg_stat_activity \
               WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid() \
                 AND pid <> ALL ($1) AND wait_event_type IS DISTINCT FROM 'Client'";
    Ok(bytes(client.ask_one(sql, &[&ours]).doing("looking who is at work")?.get(0)))
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn segments_are_counted_across_logs() {
        let size = 16 * 1024 * 1024;
        assert_eq!(segment("000000010000000000000003", size), Some(3));
        assert_eq!(segment("0000000200000001000000FF", size), Some(511));
        assert_eq!(segment("00000001.history", size), None);
    }
}
