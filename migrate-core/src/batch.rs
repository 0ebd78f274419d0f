//! Statements that depend on nothing but their order go in one message: a round trip each would be most of what they cost,
//! and of the time that a table is locked for them.

use postgres::{Client, GenericClient};

use crate::begun::Begun;
use crate::database::{DatabaseError, Doing};

/// Executes all of them, in order, in a transaction that is open.
pub(crate) fn execute(client: &mut impl GenericClient, what: &str, statements: &[String]) -> Result<(), DatabaseError> {
    match statements.len() {
        0 | 1 => one_by_one(client, what, statements),
        _ => at_once(client, "", what, statements),
    }
}

/// Begins a transaction with them.
pub(crate) fn begin<'c>(client: &'c mut Client, what: &str, statements: &[String]) -> Result<Begun<'c>, DatabaseError> {
    let mut transaction = Begun::on(client);
    at_once(transaction.client(), Begun::START, what, statements)?;
    Ok(transaction)
}

fn at_once(
    client: &mut impl GenericClient,
    before: &str,
    what: &str,
    statements: &[String],
) -> Result<(), DatabaseError> {
    let all = statements.join(";\n");
    let message = format!("{before}SAVEPOINT batch;\n{all};\nRELEASE SAVEPOINT batch");
    match client.batch_execute(&message).running(what, &all) {
        // Nobody says which of them it was: that shows when each goes by itself.
        Err(error) if is_of_one(&error) => {
            client.batch_execute("ROLLBACK TO SAVEPOINT batch").doing(what)?;
            one_by_one(client, what, statements)
        }
        outcome => outcome,
    }
}

fn one_by_one(client: &mut impl GenericClient, what: &str, statements: &[String]) -> Result<(), DatabaseError> {
    for statement in statements {
        client.batch_execute(statement).running(what, statement)?;
    }
    Ok(())
}

/// Whether a statement was refused for what it is, and not ended for what others do.
pub(crate) fn is_of_one(error: &DatabaseError) -> bool {
    error.code().is_some() && !error.is_transient()
}
