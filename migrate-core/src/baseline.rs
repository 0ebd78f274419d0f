//! Records a plan as finished in a database that was made in its new shape.

use migrate_plan::{Plan, Stage};
use postgres::Client;

use crate::database::Doing;
use crate::error::{Error, Problem};
use crate::leader::{self, Claimant, IN_TERM};
use crate::preflight;
use crate::state::{self, Status};

/// Writes a plan into the ledger as if it had been carried out, where the tables look as it would have left them; `later` are
/// the plans after it.
pub(crate) fn baseline(client: &mut Client, plan: &Plan, later: &[&Plan]) -> Result<(), Error> {
    state::ensure(client)?;
    leader::begin_term(client, Claimant::default())?;
    let refuse = |problems: Vec<Problem>| Err(Error::NotBaseline { plan: plan.name.to_string(), problems });
    let this = || format!("plan `{}`", plan.name);
    let row = state::by_name(client, &plan.name)?;
    match row.as_ref().map(|row| row.status) {
        Some(Status::Finished) => return Ok(()),
        Some(Status::Running) => {
            return refuse(vec![Problem::new(
                this(),
                "has started here",
                "let it go its way, or revert it first: what it has made is its own",
            )]);
        }
        Some(Status::Reverted) | None => {}
    }
    if plan.stage != Stage::Contract {
        return refuse(vec![Problem::new(
            this(),
            format!("is at stage {} in this build, which may use the old columns", plan.stage),
            "use a build that has it at `stage contract`",
        )]);
    }
    let relations = match preflight::finished(client, plan, later)? {
        Ok(relations) => relations,
        Err(problems) => return refuse(problems),
    };
    let mut transaction = client.transaction().doing("recording a plan as finished")?;
    if let Some(row) = row {
        state::forget(&mut transaction, row.id)?;
    }
    // Whoever registers waits for this, or this for him: no older build comes in beside it.
    transaction.execute("UPDATE migrate.epoch SET number = number + 1", &[]).doing("closing a plan to older builds")?;
    state::insert(&mut transaction, plan, &relations, "recorded as finished")?;
    let finish = format!(
        "WITH finished AS ( \
             UPDATE migrate.plan SET status = 'finished', side = 'new', closed_at = clock_timestamp(), \
                    finished_at = clock_timestamp() \
             WHERE name = $1 AND {IN_TERM} RETURNING id) \
         UPDATE migrate.step SET state = 'done', done_at = clock_timestamp() WHERE plan IN (SELECT id FROM finished)"
    );
    let done = transaction.execute(&finish, &[&&*plan.name]).doing("recording a plan as finished")?;
    leader::require_term(done)?;
    transaction.commit().doing("recording a plan as finished")?;
    Ok(())
}
