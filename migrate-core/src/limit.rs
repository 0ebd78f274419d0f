//! What operators have jobs keep to: pauses and limits, of one plan or of all, that lapse by themselves.

use std::fmt;
use std::time::Duration;

use postgres::{Client, GenericClient};

use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::state::{self, Entry};

/// What a job keeps to beside the load of the database. What is not said is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Limit {
    /// The share of the time in which each session of it works, above 0 and at most 1.
    pub duty: Option<f64>,
    /// Rows in a second, of all its sessions together.
    pub rows_per_second: Option<f64>,
    /// Its sessions; at most [`Settings::workers`](crate::Settings::workers) in any case.
    pub workers: Option<u32>,
    /// The lag of a replica at which it stands still, in place of
    /// [`Settings::replica_lag`](crate::Settings::replica_lag). [`Duration::MAX`] is none at all, for a replica that is gone for good.
    pub replica_lag: Option<Duration>,
}

impl Limit {
    /// No limit.
    pub const NONE: Limit = Limit { duty: None, rows_per_second: None, workers: None, replica_lag: None };

    /// A share of the time.
    #[must_use]
    pub fn duty(self, share: f64) -> Limit {
        Limit { duty: Some(share), ..self }
    }

    /// Rows in a second.
    #[must_use]
    pub fn rows_per_second(self, rows: f64) -> Limit {
        Limit { rows_per_second: Some(rows), ..self }
    }

    /// Sessions.
    #[must_use]
    pub fn workers(self, workers: u32) -> Limit {
        Limit { workers: Some(workers), ..self }
    }

    /// The lag of a replica.
    #[must_use]
    pub fn replica_lag(self, lag: Duration) -> Limit {
        Limit { replica_lag: Some(lag), ..self }
    }

    fn require_sound(&self) -> Result<(), Error> {
        let refused = |why: &str| Err(Error::NotALimit { why: why.to_owned() });
        if self.duty.is_some_and(|duty| !(duty > 0.0 && duty <= 1.0)) {
            return refused("a share of the time is above 0 and at most 1; to stand still is `pause`");
        }
        if self.rows_per_second.is_some_and(|rows| !(rows > 0.0 && rows.is_finite())) {
            return refused("rows in a second are more than 0; to stand still is `pause`");
        }
        if self.workers == Some(0) {
            return refused("there is at least one worker; to stand still is `pause`");
        }
        if self.replica_lag == Some(Duration::ZERO) {
            return refused("no replica ever has a lag of 0");
        }
        Ok(())
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(duty) = self.duty {
            parts.push(format!("{:.0} % of the time", duty * 100.0));
        }
        if let Some(rows) = self.rows_per_second {
            parts.push(format!("{rows:.0} rows/s"));
        }
        if let Some(workers) = self.workers {
            parts.push(format!("{workers} worker{}", if workers == 1 { "" } else { "s" }));
        }
        match self.replica_lag {
            Some(Duration::MAX) => parts.push("any replica lag".to_owned()),
            Some(lag) => parts.push(format!("a replica lag of {:.1} s", lag.as_secs_f64())),
            None => {}
        }
        f.write_str(&parts.join(", "))
    }
}

/// What a job has to keep to now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct InForce {
    pub(crate) pause: Option<Pause>,
    pub(crate) limit: Limit,
}

impl InForce {
    /// It for people.
    pub(crate) fn into_words(self) -> Vec<String> {
        let limit = (self.limit != Limit::NONE).then(|| format!("an operator allows its jobs {}", self.limit));
        self.pause.map(|pause| pause.to_string()).into_iter().chain(limit).collect()
    }
}

/// A pause that an operator has set.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Pause {
    /// Who, where that was said.
    pub by: Option<String>,
    /// Why, where that was said.
    pub reason: Option<String>,
    /// What is left of it; none where only `resume` ends it.
    pub left: Option<Duration>,
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("its jobs are paused")?;
        if let Some(by) = &self.by {
            write!(f, " by {by}")?;
        }
        if let Some(left) = self.left {
            write!(f, " for {} s more", left.as_secs_f64().ceil())?;
        }
        match &self.reason {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

/// Of a plan alone, or of all. An empty name is of all.
fn of(plan: Option<&str>) -> &str {
    plan.unwrap_or("")
}

/// Reads what the jobs of a plan have to keep to. Of two limits the stricter holds, but for the lag, where the plan's own does.
pub(crate) fn in_force(client: &mut impl GenericClient, plan: &str) -> Result<InForce, Error> {
    let rows = client
        .ask_again(
            "SELECT kind, duty, rows_per_second, workers, replica_lag, decided_by, reason, \
                    extract(epoch FROM until - clock_timestamp())::float8 \
             FROM migrate.operator_limit \
             WHERE plan IN ('', $1) AND (until IS NULL OR until > clock_timestamp()) ORDER BY plan",
            &[&plan],
        )
        .doing("reading the limits of a job")?;
    let mut found = InForce::default();
    for row in rows {
        if row.get::<_, &str>(0) == "pause" {
            let left = row.get::<_, Option<f64>>(7).map(|left| Duration::from_secs_f64(left.max(0.0)));
            found.pause = Some(Pause { by: row.get(5), reason: row.get(6), left });
            continue;
        }
        let limit = &mut found.limit;
        limit.duty = stricter(limit.duty, row.get(1), f64::min);
        limit.rows_per_second = stricter(limit.rows_per_second, row.get(2), f64::min);
        limit.workers = stricter(limit.workers, row.get::<_, Option<i32>>(3).map(i32::unsigned_abs), u32::min);
        let lag = row.get::<_, Option<f64>>(4).map(|lag| Duration::try_from_secs_f64(lag).unwrap_or(Duration::MAX));
        limit.replica_lag = lag.or(limit.replica_lag);
    }
    Ok(found)
}

fn stricter<T>(one: Option<T>, other: Option<T>, strict: impl Fn(T, T) -> T) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(strict(one, other)),
        (one, other) => one.or(other),
    }
}

/// Has the jobs of a plan, or of all, stand still.
pub(crate) fn pause(client: &mut Client, plan: Option<&str>, lasting: Option<Duration>) -> Result<(), Error> {
    let event = event("jobs paused", lasting);
    set(client, plan, "pause", &Limit::NONE, lasting, &event)
}

/// Has them go on.
pub(crate) fn resume(client: &mut Client, plan: Option<&str>) -> Result<bool, Error> {
    remove(client, plan, "pause", "jobs resumed")
}

/// Has them keep to a limit, in place of the one before.
pub(crate) fn limit(
    client: &mut Client,
    plan: Option<&str>,
    limit: &Limit,
    lasting: Option<Duration>,
) -> Result<(), Error> {
    limit.require_sound()?;
    if *limit == Limit::NONE {
        remove(client, plan, "limit", "jobs not limited any more")?;
        return Ok(());
    }
    let event = event(&format!("jobs limited to {limit}"), lasting);
    set(client, plan, "limit", limit, lasting, &event)
}

fn event(what: &str, lasting: Option<Duration>) -> String {
    lasting.map_or_else(|| what.to_owned(), |lasting| format!("{what} for {} s", lasting.as_secs()))
}

fn set(
    client: &mut Client,
    plan: Option<&str>,
    kind: &str,
    limit: &Limit,
    lasting: Option<Duration>,
    event: &str,
) -> Result<(), Error> {
    require_known(client, plan)?;
    let mut transaction = client.transaction().doing("limiting jobs")?;
    let lag = limit.replica_lag.map(|lag| if lag == Duration::MAX { f64::INFINITY } else { lag.as_secs_f64() });
    let workers = limit.workers.map(|workers| i32::try_from(workers).unwrap_or(i32::MAX));
    let lasting = lasting.map(|lasting| lasting.as_secs_f64());
    transaction
        .tell(
            "INSERT INTO migrate.operator_limit (plan, kind, duty, rows_per_second, workers, replica_lag, until) \
             VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + pg_catalog.make_interval(secs => $7)) \
             ON CONFLICT (plan, kind) DO UPDATE SET duty = excluded.duty, rows_per_second = excluded.rows_per_second, \
                 workers = excluded.workers, replica_lag = excluded.replica_lag, until = excluded.until, \
                 set_at = excluded.set_at, decided_by = excluded.decided_by, reason = excluded.reason",
            &[&of(plan), &kind, &limit.duty, &limit.rows_per_second, &workers, &lag, &lasting],
        )
        .doing("limiting jobs")?;
    state::record(&mut transaction, &Entry::of(plan.unwrap_or("*"), event))?;
    transaction.commit().doing("limiting jobs")?;
    Ok(())
}

/// Answers whether there was anything to remove.
fn remove(client: &mut Client, plan: Option<&str>, kind: &str, event: &str) -> Result<bool, Error> {
    require_known(client, plan)?;
    let mut transaction = client.transaction().doing("ending a limit")?;
    let removed = transaction
        .tell("DELETE FROM migrate.operator_limit WHERE plan = $1 AND kind = $2", &[&of(plan), &kind])
        .doing("ending a limit")?;
    if removed > 0 {
        state::record(&mut transaction, &Entry::of(plan.unwrap_or("*"), event))?;
        // Whoever rests because of it looks again.
        transaction.batch_execute("SELECT pg_catalog.pg_notify('migrate', '')").doing("ending a limit")?;
    }
    transaction.commit().doing("ending a limit")?;
    Ok(removed > 0)
}

fn require_known(client: &mut Client, plan: Option<&str>) -> Result<(), Error> {
    let is_there = state::exists(client)?;
    match plan {
        Some(name) if !is_there || state::by_name(client, name)?.is_none() => {
            Err(Error::NotStarted { plan: name.to_owned() })
        }
        None if !is_there => Err(Error::NotALimit {
            why: "no plan has started in this database, so there is nothing to limit".to_owned(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_mean_nothing_are_refused() {
        let wrong = [
            Limit::NONE.duty(0.0),
            Limit::NONE.duty(1.5),
            Limit::NONE.duty(f64::NAN),
            Limit::NONE.rows_per_second(-1.0),
            Limit::NONE.rows_per_second(f64::INFINITY),
            Limit::NONE.workers(0),
            Limit::NONE.replica_lag(Duration::ZERO),
        ];
        for limit in wrong {
            assert!(limit.require_sound().is_err(), "{limit:?}");
        }
        Limit::NONE.duty(1.0).workers(1).require_sound().expect("a sound limit");
    }
}
