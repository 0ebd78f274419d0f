//! What of a plan stands on its tables, and on which side it is, written together with the step that changes it: in one
//! statement, since others may have to wait until its transaction ends.

use migrate_plan::ident::{self, own};
use migrate_plan::{Side, SyncChange};
use postgres::GenericClient;

use super::history::Entry;
use super::journal::{JournalStep, MARK, StepState};
use super::plans::{PlanRow, Shape, TableRow};
use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::leader::{IN_TERM, require_term};

/// How a plan is to stand on one of its tables.
pub(crate) struct Standing<'a> {
    pub(crate) table: &'a TableRow,
    pub(crate) shape: Shape,
    /// What brings it there.
    pub(crate) change: SyncChange,
}

/// The change of a step's row, for the front of a statement that changes more: `$1` is the plan, `$2` the step, `$3` its state.
fn marked() -> String {
    format!(
        "WITH marked AS ({MARK} WHERE plan = $1 AND number = $2 AND {IN_TERM} \
         RETURNING pg_catalog.pg_notify('migrate', ''))"
    )
}

/// Writes how far a step is, how its plan stands on a table then, and when that came to be.
pub(crate) fn stand(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    step: &JournalStep,
    state: StepState,
    standing: &Standing<'_>,
) -> Result<(), Error> {
    let Standing { table, shape, change } = standing;
    // Of the other tables: this statement does not see its own change of the one at hand.
    let elsewhere = |condition: &str| {
        format!("EXISTS (SELECT FROM migrate.plan_table o WHERE o.plan = $1 AND o.place <> $4 AND {condition})")
    };
    let also = match change {
        SyncChange::Retire => ", retired_at = clock_timestamp()".to_owned(),
        // Older builds find their columns again, once all of them are back.
        SyncChange::Unretire => format!(
            ", retired_at = NULL, closed_at = CASE WHEN {} THEN closed_at END",
            elsewhere("o.shape IN ('retired', 'absent')")
        ),
        SyncChange::Remove if state == StepState::Done => {
            let is_left = elsewhere("o.shape <> 'absent'");
            format!(
                ", status = CASE WHEN {is_left} THEN status ELSE 'finished' END, \
                 finished_at = CASE WHEN {is_left} THEN finished_at ELSE clock_timestamp() END"
            )
        }
        _ => String::new(),
    };
    // The count stays when its sequence goes; before the first step there is none.
    let sql = format!(
        "{}, shaped AS (UPDATE migrate.plan_table SET shape = $5 WHERE plan = $1 AND place = $4), \
         stood AS (UPDATE migrate.plan SET conflicts = \
                       greatest(conflicts, pg_catalog.pg_sequence_last_value(pg_catalog.to_regclass($6))){also} \
                   WHERE id = $1) \
         SELECT FROM marked",
        marked()
    );
    let sequence = own(&ident::conflicts(&plan.name));
    let rows = client
        .tell_again(&sql, &[&plan.id, &step.number, &state.as_str(), &table.place, &shape.as_str(), &sequence])
        .doing("writing how a plan stands")?;
    require_term(rows)
}

/// Writes how far a step is that gives a side the authority, and when the new one had it, with its entry.
pub(crate) fn switch(
    client: &mut impl GenericClient,
    plan: &PlanRow,
    step: &JournalStep,
    state: StepState,
    side: Side,
    entry: &Entry<'_>,
) -> Result<(), Error> {
    let took = entry.begun.map(|begun| begun.elapsed().as_secs_f64());
    let sql = format!(
        "{}, switched AS (UPDATE migrate.plan SET side = $4, \
                                 switched_at = CASE WHEN $4 = 'new' THEN clock_timestamp() END WHERE id = $1) \
         INSERT INTO migrate.history (plan, event, step, statements, took) \
         SELECT $5, $6, $7, $8, make_interval(secs => $9) FROM marked",
        marked()
    );
    let rows = client
        .tell_again(
            &sql,
            &[
                &plan.id,
                &step.number,
                &state.as_str(),
                &side.as_str(),
                &entry.plan,
                &entry.event,
                &entry.step,
                &entry.statements,
                &took,
            ],
        )
        .doing("writing a plan's state")?;
    require_term(rows)
}
