//! What operators order.

use std::time::Duration;

use migrate_plan::{Phase, Plan};
use postgres::Client;

use super::Migrator;
use crate::acknowledge::Acknowledged;
use crate::error::Error;
use crate::leader::{Claimant, begin_term};
use crate::limit::Limit;
use crate::report::Report;
use crate::session::with_session;
use crate::verification::{self, Verification};
use crate::{acknowledge, baseline, failures, hold, limit, retreat, state};

impl Migrator {
    /// Carries one plan on to the end of `phase`, as an operator's decision: up to `switch` whatever the
    /// build's stage is, since code at `stage dual_write` asks which [`side`](Migrator::side) to use. The
    /// other plans of the program go to their stages, as in [`run`](Migrator::run). It
    /// also ends a hold that an earlier [`revert_to`](Migrator::revert_to) has set.
    ///
    /// # Errors
    ///
    /// As [`run`](Migrator::run); [`Error::NotReady`] for `contract` where the build is not at that
    /// stage; [`Error::Busy`] where another session is migrating.
    pub fn advance(&self, client: &mut Client, plan: &Plan, phase: Phase) -> Result<Report, Error> {
        if phase == Phase::Contract && plan.stage.last_phase() < Phase::Contract {
            return Err(Error::NotReady {
                plan: plan.name.to_string(),
                phase,
                why: format!("this build is at stage {}, so it may still use the old columns", plan.stage),
            });
        }
        self.leading(client, |client| self.drive(client, Some((&plan.name, phase))))
    }

    /// Takes a plan back to the old shape, with everything in it that was written on the new side, and
    /// holds it there until it is [`release`](Migrator::release)d.
    ///
    /// Processes that still use the new columns will fail: switch back first, with
    /// [`revert_to`](Migrator::revert_to), and let them follow.
    ///
    /// # Errors
    ///
    /// [`Error::NotRevertible`] once an old column has been dropped, or while a later plan builds on this
    /// one.
    pub fn revert(&self, client: &mut Client, plan: impl AsRef<str>) -> Result<(), Error> {
        self.leading(client, |client| retreat::retreat(self, client, plan.as_ref(), None))
    }

    /// Takes a plan back to the end of `phase` and holds it there: to `switch` from a retired column, to
    /// `dual_write` from a switch.
    ///
    /// # Errors
    ///
    /// As [`revert`](Migrator::revert); [`Error::NotRevertible`] too where the plan has not come to the end of `phase`.
    pub fn revert_to(&self, client: &mut Client, plan: impl AsRef<str>, phase: Phase) -> Result<(), Error> {
        self.leading(client, |client| retreat::retreat(self, client, plan.as_ref(), Some(phase)))
    }

    /// Holds a plan where it is: no run goes on with it until it is [`release`](Migrator::release)d, and a run at work
    /// stops after its step. Answers the last phase that is done, `None` where the first is not; a revert's hold, or an
    /// earlier one, stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan; [`Error::NotHoldable`] where it is finished.
    pub fn hold(&self, client: &mut Client, plan: impl AsRef<str>) -> Result<Option<Phase>, Error> {
        with_session(client, &self.decision, |client| hold::hold(client, plan.as_ref()))
    }

    /// Ends the hold on a plan: the next [`run`](Migrator::run) takes it on to its stage.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan.
    pub fn release(&self, client: &mut Client, plan: impl AsRef<str>) -> Result<(), Error> {
        self.leading(client, |client| hold::release(client, plan.as_ref()))
    }

    /// Compares both sides of every row of a plan now, as it is done by itself before the switch: in small transactions that only
    /// read, throttled, and from where an earlier call was cut short. At any time from when the table is filled until the
    /// old columns are retired. A row that it finds not filled is filled, and looked at again.
    ///
    /// A service that is at work on its plans makes way for it, and goes on after it.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan; [`Error::NotVerifiable`] where there are no two
    /// sides to compare; [`Error::Busy`] where another session is migrating.
    pub fn verify(&self, client: &mut Client, plan: impl AsRef<str>) -> Result<Verification, Error> {
        self.leading(client, |client| {
            state::ensure(client)?;
            begin_term(client, Claimant::default())?;
            verification::verify(self, client, plan.as_ref())
        })
    }

    /// Has the jobs of a plan, or of all plans, stand still: a backfill or a verification at work does within a second, and none
    /// begins. It ends with [`resume`](Migrator::resume), or by itself after `lasting`. Steps that are no jobs go on;
    /// [`hold`](Migrator::hold) keeps a plan from those too.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan, [`Error::NotALimit`] where it knows none.
    pub fn pause(&self, client: &mut Client, plan: Option<&str>, lasting: Option<Duration>) -> Result<(), Error> {
        with_session(client, &self.decision, |client| limit::pause(client, plan, lasting))
    }

    /// Ends a pause of the jobs of a plan, or that of all plans: the one does not end the other. Answers whether there was one.
    ///
    /// # Errors
    ///
    /// As [`pause`](Migrator::pause).
    pub fn resume(&self, client: &mut Client, plan: Option<&str>) -> Result<bool, Error> {
        with_session(client, &self.decision, |client| limit::resume(client, plan))
    }

    /// Has the jobs of a plan, or of all plans, keep to a limit, in place of the one before; [`Limit::NONE`] ends it. A job at
    /// work follows within a second. It ends by itself after `lasting`. Where both a plan and all plans have one, the
    /// stricter holds, and the plan's own lag.
    ///
    /// # Errors
    ///
    /// As [`pause`](Migrator::pause), and [`Error::NotALimit`] for one that means nothing.
    pub fn limit(
        &self,
        client: &mut Client,
        plan: Option<&str>,
        limit: Limit,
        lasting: Option<Duration>,
    ) -> Result<(), Error> {
        with_session(client, &self.decision, |client| limit::limit(client, plan, &limit, lasting))
    }

    /// Says that something which keeps the gates of a plan closed has nothing to do with it, by the word that the gate
    /// shows in brackets; [`decided_by`](Self::decided_by) and [`reason`](Self::reason) are kept with it in the history. The
    /// plan goes on with the next look.
    ///
    /// - `session:NAME@ROLE`, or `session:NAME` for every role: sessions with this `application_name`.
    /// - `statement:ID`: a statement, by its `queryid` in `pg_stat_statements`.
    /// - `function:NAME(ARGUMENTS)`: a function, as the gate names it.
    /// - `application:NAME`: an application that never touches what the plan changes, all its instances of all versions.
    /// - `rights:pg_read_all_stats`, `rights:track_activities`: sessions and statements that this role cannot see.
    /// - `instance:ID`: an instance whose lease is over is dead, whatever speaks against it. It is taken off the list, and
    ///   the sessions with its name are ended where this role may end them. Nothing is kept that could be withdrawn: one
    ///   that lives after all asks to be let in again.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan; [`Error::NotAcknowledged`] for a word of no known
    /// kind, and for an instance whose lease is not over.
    pub fn acknowledge(
        &self,
        client: &mut Client,
        plan: impl AsRef<str>,
        evidence: impl AsRef<str>,
    ) -> Result<Acknowledged, Error> {
        with_session(client, &self.decision, |client| {
            acknowledge::acknowledge(client, plan.as_ref(), evidence.as_ref())
        })
    }

    /// Takes an acknowledgement back: the evidence closes the gates of the plan again.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan; [`Error::NotAcknowledged`] where nobody has
    /// acknowledged it.
    pub fn withdraw(&self, client: &mut Client, plan: impl AsRef<str>, evidence: impl AsRef<str>) -> Result<(), Error> {
        with_session(client, &self.decision, |client| acknowledge::withdraw(client, plan.as_ref(), evidence.as_ref()))
    }

    /// Records a plan at `stage contract` as finished without doing anything, in a database whose tables have the shape after
    /// it already: one that was made from a dump of the schema, and not by the plans. Once is enough.
    ///
    /// # Errors
    ///
    /// [`Error::NotBaseline`] with everything that is different, or where the plan has started here; [`Error::Busy`] where
    /// another session is migrating.
    pub fn baseline(&self, client: &mut Client, plan: &Plan) -> Result<(), Error> {
        let place = self.plans().iter().position(|known| known.name == plan.name);
        let later = place.map_or(&[][..], |place| &self.plans()[place + 1..]);
        self.leading(client, |client| baseline::baseline(client, plan, later))
    }

    /// Has the service that leads look at the failed rows of a plan again at once, or as soon as it has done what it is at;
    /// without being asked it looks every ten [`Settings::poll`](crate::Settings::poll)s. Answers how many such rows are kept:
    /// where there are none, nobody is asked. Where no service lives the next [`run`](Migrator::run) looks.
    ///
    /// A look finds the failed rows by their keys, and fills those that convert by now; the whole table is read again only when
    /// none of them fails any more.
    ///
    /// # Errors
    ///
    /// [`Error::NotStarted`] where the database does not know the plan.
    pub fn retry(&self, client: &mut Client, plan: impl AsRef<str>) -> Result<u64, Error> {
        with_session(client, &self.decision, |client| failures::retry(client, plan.as_ref()))
    }
}
