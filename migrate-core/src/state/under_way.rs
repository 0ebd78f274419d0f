//! A plan that is being carried on, as the database has it.

use postgres::GenericClient;

use super::journal::{JournalStep, StepState, steps};
use super::plans::{PlanRow, Shape, Status, TableRow, phase_held_at, tables};
use super::work::side_of;
use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::session;

/// A plan with its tables and its steps. What is in them is written once, when the plan starts: only where they are is asked
/// again.
pub(crate) struct UnderWay {
    pub(crate) row: PlanRow,
    pub(crate) tables: Vec<TableRow>,
    pub(crate) steps: Vec<JournalStep>,
}

impl UnderWay {
    pub(crate) fn of(client: &mut impl GenericClient, row: PlanRow) -> Result<UnderWay, Error> {
        Ok(UnderWay { tables: tables(client, row.id)?, steps: steps(client, row.id)?, row })
    }

    /// Asks where it is now: its side changes with a step, and an operator may hold it. Looks by the way that the session is
    /// still the one that was set up.
    pub(crate) fn refresh(&mut self, client: &mut impl GenericClient) -> Result<(), Error> {
        let sql = format!(
            "SELECT p.status, p.side, p.held_at, p.conflicts, p.closed_at IS NOT NULL, \
                    ARRAY (SELECT s.state FROM migrate.step s WHERE s.plan = p.id ORDER BY s.number), \
                    ARRAY (SELECT t.shape FROM migrate.plan_table t WHERE t.plan = p.id ORDER BY t.place), {} \
             FROM migrate.plan p WHERE p.id = $1",
            session::kept()
        );
        let found = client
            .ask_opt_again(&sql, &[&self.row.id])
            .doing("reading where a plan is")?
            .ok_or_else(|| Error::NotStarted { plan: self.row.name.clone() })?;
        session::require_kept_as(&found, 7)?;
        let row = &mut self.row;
        row.status = Status::of(found.get(0));
        row.side = side_of(found.get(1)).unwrap_or(row.side);
        row.held_at = found.get::<_, Option<&str>>(2).map(phase_held_at);
        (row.conflicts, row.is_closed) = (found.get(3), found.get(4));
        for (step, state) in self.steps.iter_mut().zip(found.get::<_, Vec<&str>>(5)) {
            step.state = StepState::of(state);
        }
        for (table, shape) in self.tables.iter_mut().zip(found.get::<_, Vec<&str>>(6)) {
            table.shape = Shape::of(shape);
        }
        Ok(())
    }
}
