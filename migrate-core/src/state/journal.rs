//! The journal of steps.

use migrate_plan::{Phase, Work};
use postgres::GenericClient;

use super::history::Entry;
use super::work::decode;
use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::leader::{IN_TERM, require_term};

/// A step as it was planned when its plan started.
#[derive(Clone, Debug)]
pub(crate) struct JournalStep {
    pub(crate) number: i32,
    pub(crate) phase: Phase,
    pub(crate) name: String,
    pub(crate) probe: String,
    pub(crate) work: Work,
    pub(crate) undo: Work,
    pub(crate) state: StepState,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepState {
    /// Not begun, or undone.
    Pending,
    /// Begun outside a transaction; the catalog knows whether it ended.
    Running,
    /// Its result is there.
    Done,
}

impl StepState {
    /// Reads it as the state has it.
    pub(super) fn of(word: &str) -> StepState {
        match word {
            "done" => StepState::Done,
            "running" => StepState::Running,
            _ => StepState::Pending,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            StepState::Pending => "pending",
            StepState::Running => "running",
            StepState::Done => "done",
        }
    }
}

/// The steps of a plan in order.
pub(crate) fn steps(client: &mut impl GenericClient, plan: i64) -> Result<Vec<JournalStep>, Error> {
    let rows = client
        .ask_again(
            "SELECT number, phase, name, probe, work, undo, state FROM migrate.step WHERE plan = $1 ORDER BY number",
            &[&plan],
        )
        .doing("reading the journal")?;
    rows.into_iter()
        .map(|row| {
            let (phase, name, state): (String, String, String) = (row.get(1), row.get(2), row.get(6));
            let unknown = || Error::Drift { plan: "(journal)".to_owned(), step: name.clone() };
            Ok(JournalStep {
                number: row.get(0),
                phase: Phase::ALL.into_iter().find(|known| known.as_str() == phase).ok_or_else(unknown)?,
                probe: row.get(3),
                work: decode(&row.get::<_, Vec<String>>(4)).ok_or_else(unknown)?,
                undo: decode(&row.get::<_, Vec<String>>(5)).ok_or_else(unknown)?,
                state: StepState::of(&state),
                name,
            })
        })
        .collect()
}

/// The last phase in which every step is done; none where the first is not.
pub(crate) fn reached(steps: &[JournalStep]) -> Option<Phase> {
    let left = steps.iter().find(|step| step.state != StepState::Done).map(|step| step.phase);
    let is_reached = |phase: &Phase| left.is_none_or(|left| *phase < left);
    Phase::ALL.into_iter().rev().find(|phase| is_reached(phase) && steps.iter().any(|step| step.phase == *phase))
}

/// The change of a step's row; the state is its third parameter.
pub(super) const MARK: &str = "UPDATE migrate.step SET state = $3, \
     started_at = CASE WHEN $3 = 'pending' THEN NULL ELSE coalesce(started_at, clock_timestamp()) END, \
     done_at = CASE WHEN $3 = 'done' THEN clock_timestamp() END";

/// Writes how far a step is, in the transaction of its work where it has one. Only the leader does.
pub(crate) fn mark(client: &mut impl GenericClient, plan: i64, step: i32, state: StepState) -> Result<(), Error> {
    let sql =
        format!("{MARK} WHERE plan = $1 AND number = $2 AND {IN_TERM} RETURNING pg_catalog.pg_notify('migrate', '')");
    let rows = client.tell_again(&sql, &[&plan, &step, &state.as_str()]).doing("writing the journal")?;
    require_term(rows)
}

/// Writes that a step is done together with its entry, in one statement, for work that has committed by itself.
pub(crate) fn finish(
    client: &mut impl GenericClient,
    plan: i64,
    step: &JournalStep,
    entry: &Entry<'_>,
) -> Result<(), Error> {
    let took = entry.begun.map(|begun| begun.elapsed().as_secs_f64());
    let sql = format!(
        "WITH marked AS ({MARK} WHERE plan = $1 AND number = $2 AND {IN_TERM} RETURNING pg_catalog.pg_notify('migrate', '')) \
         INSERT INTO migrate.history (plan, event, step, statements, took) \
         SELECT $4, $5, $6, $7, make_interval(secs => $8) FROM marked"
    );
    let state = StepState::Done.as_str();
    let rows = client
        .tell_again(
            &sql,
            &[&plan, &step.number, &state, &entry.plan, &entry.event, &entry.step, &entry.statements, &took],
        )
        .doing("writing the journal")?;
    require_term(rows)
}
