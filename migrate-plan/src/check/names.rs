//! Names: length, collisions, and what is reserved.

use super::Problem;
use crate::declaration::{Column, Declaration, Name, Table};
use crate::ident::{self, MAX_IDENTIFIER, RESERVED_PREFIX};

/// Columns that every table of PostgreSQL has already.
const SYSTEM_COLUMNS: [&str; 6] = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];

/// No identifier, written or derived, is longer than PostgreSQL keeps.
pub(super) fn lengths<S: Clone>(declaration: &Declaration<S>, problems: &mut Vec<Problem<S>>) {
    let plan = &declaration.name;
    let changes: usize = declaration.tables.iter().map(|table| table.changes.len()).sum();
    let longest = [
        ident::conflicts(&plan.text),
        ident::of_change(&plan.text, changes, "down"),
        ident::not_null_proof(&plan.text, changes),
    ]
    .into_iter()
    .max_by_key(String::len)
    .unwrap_or_default();
    if longest.len() > MAX_IDENTIFIER {
        let most = MAX_IDENTIFIER - (longest.len() - plan.text.len());
        problems.push(
            Problem::new(
                plan.span.clone(),
                format!("the plan's name has {} bytes, and at most {most} are possible", plan.text.len()),
            )
            .note(format!(
                "the runtime derives `{longest}` from it, and PostgreSQL cuts every name after {MAX_IDENTIFIER} bytes \
                 without an error"
            ))
            .help("give the plan a shorter name"),
        );
    }
    for table in &declaration.tables {
        for name in table.schema.iter().chain([&table.name]) {
            length(name, 0, problems);
        }
        for change in &table.changes {
            length(&change.old.name, RESERVED_PREFIX.len_utf8(), problems);
            length(&change.new.name, 0, problems);
        }
        for column in &table.context {
            length(&column.name, 0, problems);
        }
    }
}

fn length<S: Clone>(name: &Name<S>, derived: usize, problems: &mut Vec<Problem<S>>) {
    let most = MAX_IDENTIFIER - derived;
    if name.text.is_empty() {
        problems.push(Problem::new(name.span.clone(), "an identifier cannot be empty"));
    } else if name.text.len() > MAX_IDENTIFIER {
        problems.push(
            Problem::new(
                name.span.clone(),
                format!("this identifier has {} bytes, and PostgreSQL keeps {MAX_IDENTIFIER}", name.text.len()),
            )
            .note("it would be cut without an error, and could then mean another object"),
        );
    } else if name.text.len() > most {
        problems.push(
            Problem::new(
                name.span.clone(),
                format!("a replaced column's name can have {most} bytes, and this one has {}", name.text.len()),
            )
            .note(format!(
                "before it is dropped it is renamed to `{}`, which has more than {MAX_IDENTIFIER} bytes",
                ident::retired(&name.text)
            )),
        );
    }
}

/// A plan changes something, and each table once.
pub(super) fn tables<S: Clone>(declaration: &Declaration<S>, problems: &mut Vec<Problem<S>>) {
    if declaration.tables.is_empty() {
        problems.push(
            Problem::new(declaration.name.span.clone(), "the plan changes no table")
                .help("add `table name (key: type) { old: type => new: type { up …; down …; } }`"),
        );
    }
    for (place, table) in declaration.tables.iter().enumerate() {
        if declaration.tables[..place].iter().any(|earlier| earlier.qualified() == table.qualified()) {
            problems.push(
                Problem::new(
                    table.name.span.clone(),
                    format!("the table `{}` stands twice in this plan", table.name.text),
                )
                .help("put all changes of a table into one block: they then share one pass over it"),
            );
        }
        if table.changes.is_empty() {
            problems.push(
                Problem::new(table.name.span.clone(), format!("nothing changes in the table `{}`", table.name.text))
                    .help("add `old: type => new: type { up …; down …; }`, or leave the table out"),
            );
        }
        for name in table.schema.iter().chain([&table.name]) {
            if name.text == ident::SCHEMA && table.schema.as_ref().is_some_and(|schema| schema.text == name.text) {
                problems.push(Problem::new(
                    name.span.clone(),
                    format!("the schema `{}` belongs to this library's own state", ident::SCHEMA),
                ));
                break;
            }
        }
    }
}

/// Each column plays one part, and new names are new.
pub(super) fn columns<S: Clone>(table: &Table<S>, problems: &mut Vec<Problem<S>>) {
    let mut seen: Vec<(&Column<S>, &str)> = Vec::new();
    let context = table.context.iter().map(|column| (column, "read"));
    let changes = table.changes.iter().flat_map(|change| [(&change.old, "replaced"), (&change.new, "added")]);
    for (column, part) in context.chain(changes) {
        let name = &column.name;
        if let Some((_, earlier)) = seen.iter().find(|(other, _)| other.name.text == name.text) {
            problems.push(collision(table, name, earlier, part));
        }
        seen.push((column, part));
        if name.text.starts_with(RESERVED_PREFIX) {
            problems.push(
                Problem::new(
                    name.span.clone(),
                    format!("names that start with `{RESERVED_PREFIX}` are reserved for this library's own objects"),
                )
                .help("choose another name"),
            );
        }
        if SYSTEM_COLUMNS.contains(&name.text.as_str()) {
            problems.push(
                Problem::new(name.span.clone(), format!("`{}` is a system column of every table", name.text))
                    .help("choose another name"),
            );
        }
    }
}

fn collision<S: Clone>(table: &Table<S>, name: &Name<S>, earlier: &str, part: &str) -> Problem<S> {
    let text = &name.text;
    let same_change = table.changes.iter().any(|change| change.old.name.text == *text && change.new.name.text == *text);
    if same_change && part == "added" {
        return Problem::new(name.span.clone(), format!("`{text}` has the same name on both sides"))
            .note("old and new code run side by side for a while: both columns must exist, so they need two names")
            .help(format!("give the new column a name of its own, such as `{text}_new`"));
    }
    match (earlier, part) {
        ("replaced", "replaced") => Problem::new(name.span.clone(), format!("`{text}` is changed twice in this plan"))
            .note("two changes of one column at a time cannot both be kept equal with it")
            .help("make it one change, or a second plan after this one is finished"),
        ("added", "added") => Problem::new(name.span.clone(), format!("`{text}` is added twice in this plan"))
            .help("give each new column a name of its own"),
        ("read", "replaced" | "added") => {
            Problem::new(name.span.clone(), format!("`{text}` stands in the table's brackets too"))
                .note("the brackets declare columns that stay as they are")
                .help(format!("take `{text}` out of the brackets"))
        }
        ("read", "read") => Problem::new(name.span.clone(), format!("`{text}` stands twice in the table's brackets")),
        _ => Problem::new(name.span.clone(), format!("`{text}` is both replaced and added by this plan"))
            .note("code of both versions is live at once, and the name would mean two things")
            .help("choose a new name; it can be renamed again by a later plan"),
    }
}
