//! Looks at the database at the right times, and decides.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use postgres::Client;

use super::board::{Board, Counts, Verdict};
use super::courtesy::Courtesy;
use super::log::Log;
use super::replicas::Replicas;
use super::signals::{self, Signals};
use super::stops::Stops;

use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::limit::{self, InForce};
use crate::settings::Settings;
use crate::state::{JournalStep, PlanRow};

/// Between two turns of a watcher.
pub(super) const TICK: Duration = Duration::from_millis(25);

/// After a turn that failed.
pub(super) const RETRY: Duration = Duration::from_secs(1);

/// Between two looks at what operators have set, and two beats for the replicas.
const OFTEN: Duration = Duration::from_millis(250);

/// Between two looks at the load.
const SELDOM: Duration = Duration::from_secs(1);

/// How much of the earlier rates counts beside the newest.
const MEMORY: f64 = 0.7;

/// One who looks.
pub(super) struct Look {
    settings: Settings,
    has_own_connection: bool,
    replicas: Replicas,
    courtesy: Courtesy,
    log: Log,
    /// Where checkpoints are counted, once that was asked for.
    requested: Option<&'static str>,
    /// The share of the time that was decided last.
    duty: f64,
    signals: Signals,
    limited_by: Option<String>,
    hook: Option<String>,
    is_held: bool,
    looked_often: Option<Instant>,
    looked_seldom: Option<Instant>,
    written: Option<(Instant, Counts)>,
    rates: (Option<f64>, Option<f64>),
}

impl Look {
    /// Without a connection of its own it sees nobody beside a batch, and does not follow the load.
    pub(super) fn new(settings: &Settings, has_own_connection: bool) -> Look {
        let follow_load = settings.follow_load && has_own_connection;
        Look {
            settings: Settings { follow_load, ..settings.clone() },
            has_own_connection,
            replicas: Replicas::follow(&settings.replicas),
            courtesy: Courtesy::new(settings.workers.max(1)),
            log: Log::new(settings.wal_rate),
            requested: None,
            duty: 1.0,
            signals: Signals::default(),
            limited_by: None,
            hook: None,
            is_held: false,
            looked_often: None,
            looked_seldom: None,
            written: None,
            rates: (None, None),
        }
    }

    /// Whether it has said how the job gets on.
    pub(super) fn has_written(&self) -> bool {
        self.written.is_some()
    }

    pub(super) fn is_due(&self) -> bool {
        self.looked_often.is_none_or(|at| at.elapsed() >= OFTEN)
    }

    /// Looks, and decides.
    pub(super) fn take(
        &mut self,
        client: &mut Client,
        plan: &PlanRow,
        step: &JournalStep,
        counts: &Counts,
    ) -> Result<Verdict, Error> {
        self.looked_often = Some(Instant::now());
        self.replicas.beat(client)?;
        let in_force = limit::in_force(client, &plan.name)?;
        let is_first = self.looked_seldom.is_none();
        let is_due = self.looked_seldom.is_none_or(|at| at.elapsed() >= SELDOM);
        if is_due {
            self.looked_seldom = Some(Instant::now());
            if self.settings.follow_load && self.requested.is_none() {
                self.requested = Some(signals::requested_checkpoints(client)?);
            }
            self.signals = signals::read(client, plan, self.requested.unwrap_or("NULL"))?;
            self.hook = self.settings.hold_while.as_ref().and_then(|hook| hook());
            self.limited_by = if self.settings.follow_load { self.courtesy.tick() } else { None };
            self.log.saw(Instant::now(), self.signals.written, self.duty, self.courtesy.is_alone);
        }
        let verdict = self.decide(in_force);
        (self.is_held, self.duty) = (verdict.stop.is_some(), verdict.duty);
        // A job without a watcher is short: unless it is held, there is nothing to say of it before the second look.
        if is_due && (self.has_own_connection || self.is_held || !is_first) {
            self.write(client, plan, step, counts, &verdict)?;
        }
        Ok(verdict)
    }

    fn decide(&self, in_force: InForce) -> Verdict {
        let InForce { pause, limit } = in_force;
        let lags = self.replicas.lags();
        let stop = Stops {
            hook: self.hook.clone(),
            signals: &self.signals,
            replicas: &lags,
            most_lag: limit.replica_lag.unwrap_or(self.settings.replica_lag),
            is_held: self.is_held,
        };
        let (mut duty, workers) = if self.settings.follow_load {
            (self.courtesy.duty, self.courtesy.workers)
        } else {
            (1.0, self.settings.workers.max(1))
        };
        let mut held_back = self.limited_by.clone();
        let (most, why) = self.log.most();
        if most < duty {
            (duty, held_back) = (most, why);
        }
        let is_limited = limit.duty.is_some_and(|most| most < duty)
            || limit.workers.is_some_and(|most| most < workers)
            || limit.rows_per_second.is_some();
        // Vacuum makes the room that the next slices need.
        let (duty, turn) = if self.signals.vacuum.is_some() { (duty.min(0.5), true) } else { (duty, false) };
        let limited_by = if is_limited {
            Some(format!("an operator allows {limit}"))
        } else if turn {
            Some("a vacuum works on the table".to_owned())
        } else {
            held_back
        };
        Verdict {
            pause,
            stop: stop.reason(),
            duty: limit.duty.map_or(duty, |most| most.min(duty)),
            batch: if self.settings.follow_load {
                self.courtesy.batch(self.settings.batch_target)
            } else {
                self.settings.batch_target
            },
            workers: limit.workers.map_or(workers, |most| most.min(workers)).max(1),
            rows_per_second: limit.rows_per_second,
            limited_by,
        }
    }

    /// A short look at who is at work, beside a batch of ours or not.
    pub(super) fn probe(&mut self, client: &mut Client, board: &Mutex<Board>) -> Result<(), Error> {
        if !self.settings.follow_load {
            return Ok(());
        }
        let at_work = || {
            let board = board.lock().unwrap_or_else(PoisonError::into_inner);
            (board.at_work() > 0, board.has_just_ended(), board.pids())
        };
        let (before, settles, pids) = at_work();
        if !before && settles {
            return Ok(());
        }
        let others = signals::others_at_work(client, &pids)?;
        // One that began or ended meanwhile says nothing.
        if at_work().0 == before {
            self.courtesy.saw(others, before);
        }
        Ok(())
    }

    /// Says how the job gets on.
    fn write(
        &mut self,
        client: &mut Client,
        plan: &PlanRow,
        step: &JournalStep,
        counts: &Counts,
        verdict: &Verdict,
    ) -> Result<(), Error> {
        let now = Instant::now();
        if let Some((at, before)) = self.written {
            let seconds = now.duration_since(at).as_secs_f64().max(1e-3);
            let rows = (counts.rows - before.rows) as f64 / seconds;
            let blocks = (counts.blocks_done - before.blocks_done).max(0) as f64 / seconds;
            self.rates = (Some(smoothed(self.rates.0, rows)), Some(smoothed(self.rates.1, blocks)));
        }
        self.written = Some((now, *counts));
        let hot = counts.updates.hot as f64 / counts.updates.all.max(1) as f64;
        let hot = (counts.updates.all > 0).then_some(hot);
        client
            .tell(
                "INSERT INTO migrate.job AS j (plan, step, workers, duty, rows_per_second, blocks_per_second, hot_share, \
                                               limited_by, held_by) \
                 SELECT p.id, $2, $3, $4, $5, $6, $7, $8, $9 FROM migrate.plan p WHERE p.id = $1 \
                 ON CONFLICT (plan, step) DO UPDATE SET workers = excluded.workers, duty = excluded.duty, \
                     rows_per_second = excluded.rows_per_second, blocks_per_second = excluded.blocks_per_second, \
                     hot_share = excluded.hot_share, limited_by = excluded.limited_by, held_by = excluded.held_by, \
                     updated_at = excluded.updated_at",
                &[
                    &plan.id,
                    &step.number,
                    &i32::try_from(verdict.workers).unwrap_or(i32::MAX),
                    &verdict.duty,
                    &self.rates.0,
                    &self.rates.1,
                    &hot,
                    &verdict.limited_by,
                    &verdict.stop,
                ],
            )
            .doing("saying how a job gets on")?;
        Ok(())
    }
}

fn smoothed(before: Option<f64>, now: f64) -> f64 {
    before.map_or(now, |before| before * MEMORY + now * (1.0 - MEMORY))
}

/// Takes back what was said of a job that is over.
pub(super) fn forget(client: &mut Client, plan: &PlanRow, step: &JournalStep) -> Result<(), Error> {
    client
        .tell("DELETE FROM migrate.job WHERE plan = $1 AND step = $2", &[&plan.id, &step.number])
        .doing("ending a job")?;
    Ok(())
}
