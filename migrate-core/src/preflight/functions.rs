//! Declared functions: there, of the declared signature, and immutable.

use migrate_plan::ident::Qualified;
use migrate_plan::plan::Routine;
use postgres::Client;

use crate::ask::Ask;
use crate::database::Doing;
use crate::error::{Error, Problem};

/// A function as it is.
struct Live {
    arguments: Vec<String>,
    result: String,
    volatility: String,
    strict: bool,
    /// A plain function, that gives one value.
    plain: bool,
}

pub(super) fn check(client: &mut Client, routines: &[Routine], problems: &mut Vec<Problem>) -> Result<(), Error> {
    for routine in routines {
        let live = live(client, routine)?;
        match live.iter().find(|live| live.arguments == *routine.arguments) {
            Some(found) => compare(routine, found, problems),
            None => problems.push(missing(client, routine, &live)?),
        }
    }
    Ok(())
}

/// All functions of the name.
fn live(client: &mut Client, routine: &Routine) -> Result<Vec<Live>, Error> {
    let rows = client
        .ask(
            "SELECT ARRAY(SELECT pg_catalog.format_type(a.type, NULL) \
                          FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS a(type, place) ORDER BY a.place), \
                    pg_catalog.format_type(p.prorettype, NULL), p.provolatile::text, p.proisstrict, \
                    p.prokind = 'f' AND NOT p.proretset \
             FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
             WHERE n.nspname = $1::text AND p.proname = $2::text ORDER BY 1",
            &[&&*routine.schema, &&*routine.name],
        )
        .doing("looking for a function")?;
    Ok(rows
        .into_iter()
        .map(|row| Live {
            arguments: row.get(0),
            result: row.get(1),
            volatility: row.get(2),
            strict: row.get(3),
            plain: row.get(4),
        })
        .collect())
}

/// `app.f(text, integer)`
fn shown(routine: &Routine, arguments: &[impl AsRef<str>]) -> String {
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    format!("function {}.{}({})", routine.schema, routine.name, arguments.join(", "))
}

fn missing(client: &mut Client, routine: &Routine, live: &[Live]) -> Result<Problem, Error> {
    let declared = shown(routine, &routine.arguments);
    if !live.is_empty() {
        let others: Vec<String> = live.iter().map(|live| format!("({})", live.arguments.join(", "))).collect();
        let remedy = format!("declare what it takes: {}", others.join(" or "));
        return Ok(Problem::new(declared, "does not exist with these arguments", remedy));
    }
    let rows = client
        .ask(
            "SELECT DISTINCT p.proname::text FROM pg_catalog.pg_proc p \
             JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1::text ORDER BY 1",
            &[&&*routine.schema],
        )
        .doing("looking for a function")?;
    let names: Vec<String> = rows.into_iter().map(|row| row.get(0)).collect();
    let remedy = match migrate_plan::check::nearest(&routine.name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {}.{near}?", routine.schema),
        None => "create it before the plan starts, or mend its name in the plan".to_owned(),
    };
    Ok(Problem::new(declared, "does not exist", remedy))
}

fn compare(routine: &Routine, live: &Live, problems: &mut Vec<Problem>) {
    let function = shown(routine, &routine.arguments);
    let name = Qualified { schema: &routine.schema, name: &routine.name };
    let alter = format!("ALTER FUNCTION {name}({})", routine.arguments.join(", "));
    if !live.plain {
        problems.push(Problem::new(function, "gives no single value", "declare a function that gives one value"));
        return;
    }
    if live.result != *routine.result {
        problems.push(Problem::new(
            function.clone(),
            format!("gives {}, and the plan declares {}", live.result, routine.result),
            format!("declare it with `-> {}`", live.result),
        ));
    }
    if live.volatility != "i" {
        let word = if live.volatility == "s" { "stable" } else { "volatile" };
        problems.push(Problem::new(
            function.clone(),
            format!("is {word}, and the plan declares it immutable"),
            format!("where its value depends on its arguments alone: {alter} IMMUTABLE"),
        ));
    }
    if routine.strict && !live.strict {
        problems.push(Problem::new(
            function,
            "is not strict, and the plan declares it strict",
            format!("leave `strict` out, or where null is to give null: {alter} STRICT"),
        ));
    }
}
