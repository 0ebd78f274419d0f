//! How a plan's job gets on, for whoever asks.

use std::fmt;
use std::time::Duration;

use postgres::GenericClient;
use postgres::types::Type;

use crate::database::Doing;
use crate::error::Error;

/// What a job says of itself counts for so long; one that is at work says it every second.
const FRESH: Duration = Duration::from_secs(10);

/// A backfill or a verification that has begun and is not at its end.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JobReport {
    /// The step.
    pub step: String,
    /// Rows filled, or compared.
    pub rows: u64,
    /// Heap blocks done, of the table and its partitions.
    pub blocks_done: u64,
    /// Heap blocks there were at the start.
    pub blocks: u64,
    /// What it does now; none where nobody is at work on it.
    pub now: Option<JobNow>,
}

/// A job at work.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JobNow {
    /// Its sessions.
    pub workers: u32,
    /// The share of the time in which each of them works, above 0 and at most 1.
    pub duty: f64,
    /// Rows in a second, over the last few.
    pub rows_per_second: Option<f64>,
    /// How long it will take at that rate.
    pub left: Option<Duration>,
    /// Of the row versions that it wrote into room that it had made, the share that needed no index entry (HOT); none where it
    /// goes in one pass.
    pub hot_share: Option<f64>,
    /// What keeps it from working all the time with all its workers.
    pub limited_by: Option<String>,
    /// What it stands still for.
    pub held_by: Option<String>,
}

impl fmt::Display for JobReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = self.blocks_done as f64 / (self.blocks as f64).max(1.0) * 100.0;
        write!(f, "{}: {share:.0} %, {} rows", self.step, self.rows)?;
        let Some(now) = &self.now else { return f.write_str(", nobody at work") };
        if let Some(reason) = &now.held_by {
            return write!(f, ", stands still: {reason}");
        }
        if let Some(rate) = now.rows_per_second {
            write!(f, ", {rate:.0} rows/s")?;
        }
        if let Some(left) = now.left {
            write!(f, ", {} s left", left.as_secs())?;
        }
        let workers = if now.workers == 1 { "worker" } else { "workers" };
        write!(f, ", {} {workers} {:.0} % of the time", now.workers, now.duty * 100.0)?;
        if let Some(share) = now.hot_share {
            write!(f, ", {:.0} % HOT", share * 100.0)?;
        }
        match &now.limited_by {
            Some(reason) => write!(f, ", held back: {reason}"),
            None => Ok(()),
        }
    }
}

/// The job that a plan is at: a comparison on demand for as long as somebody is at work on it, and else that of its step.
pub(crate) fn job(client: &mut impl GenericClient, plan: i64) -> Result<Option<JobReport>, Error> {
    let row = client
        .query_typed_opt(
            "SELECT s.name || CASE WHEN c.step < 0 THEN ' on demand' ELSE '' END, c.rows, c.blocks, c.done, j.workers, j.duty, j.rows_per_second, j.blocks_per_second, \
                    j.hot_share, j.limited_by, j.held_by, \
                    extract(epoch FROM clock_timestamp() - j.updated_at)::float8 \
             FROM migrate.step s \
             JOIN (SELECT step, sum(rows_done)::int8 AS rows, sum(blocks - first_block)::int8 AS blocks, \
                          sum(next_block - first_block + (slice * (ring_end - next_block)::numeric + slice_block - next_block) \
                                                         / slices)::int8 AS done \
                   FROM migrate.cursor WHERE plan = $1 GROUP BY step) c ON abs(c.step) = s.number \
             LEFT JOIN migrate.job j ON j.plan = s.plan AND j.step = c.step \
             WHERE s.plan = $1 \
               AND CASE WHEN c.step < 0 THEN clock_timestamp() - j.updated_at <= pg_catalog.make_interval(secs => $2) \
                        ELSE s.state <> 'done' END \
             ORDER BY c.step < 0 DESC, s.number LIMIT 1",
            &[(&plan, Type::INT8), (&FRESH.as_secs_f64(), Type::FLOAT8)],
        )
        .doing("asking how a job gets on")?;
    let Some(row) = row else { return Ok(None) };
    let (blocks, done) = (count(row.get(2)), count(row.get(3)));
    let ago: Option<f64> = row.get(11);
    let now = ago.filter(|ago| *ago <= FRESH.as_secs_f64()).map(|_| {
        let rate: Option<f64> = row.get(7);
        let left = rate.filter(|rate| *rate > 0.0).map(|rate| blocks.saturating_sub(done) as f64 / rate);
        JobNow {
            workers: row.get::<_, i32>(4).unsigned_abs(),
            duty: row.get(5),
            rows_per_second: row.get(6),
            left: left.and_then(|left| Duration::try_from_secs_f64(left).ok()),
            hot_share: row.get(8),
            limited_by: row.get(9),
            held_by: row.get(10),
        }
    });
    Ok(Some(JobReport { step: row.get(0), rows: count(row.get(1)), blocks_done: done, blocks, now }))
}

fn count(value: i64) -> u64 {
    value.max(0).unsigned_abs()
}
