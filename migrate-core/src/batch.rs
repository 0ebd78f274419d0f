//! Statements that depend on nothing but their order go in one message: a round trip each would be most of what they cost,
//! and of the time that a table is locked for them.

use postgres::Transaction;

use crate::database::{DatabaseError, Doing};

/// Executes all of them, in order.
pub(crate) fn execute(
    transaction: &mut Transaction<'_>,
    what: &str,
    statements: &[String],
) -> Result<(), DatabaseError> {
    if statements.len() < 2 {
        return one_by_one(transaction, what, statements);
    }
    let all = statements.join(";\n");
    let message = format!("SAVEPOINT batch;\n{all};\nRELEASE SAVEPOINT batch");
    match transaction.batch_execute(&message).running(what, &all) {
        // Nobody says which of them it was: that shows when each goes by itself.
        Err(error) if is_of_one(&error) => {
            transaction.batch_execute("ROLLBACK TO SAVEPOINT batch").doing(what)?;
            one_by_one(transaction, what, statements)
        }
        outcome => outcome,
    }
}

fn one_by_one(transaction: &mut Transaction<'_>, what: &str, statements: &[String]) -> Result<(), DatabaseError> {
    for statement in statements {
        transaction.batch_execute(statement).running(what, statement)?;
    }
    Ok(())
}

/// Whether a statement was refused for what it is, and not ended for what others do.
fn is_of_one(error: &DatabaseError) -> bool {
    error.code().is_some() && !error.is_transient()
}
