//! The SQL of the sync: what keeps both shapes of a row equal, whoever writes it.
//!
//! Two `BEFORE … FOR EACH ROW` triggers share one function a table. It never asks who is writing; it
//! looks at what changed. O is the old column, N the new one, C the other columns that the conversions
//! read. "Same" is always image equality, see [`Image`](crate::types::Image).

mod block;
mod fragment;

pub use fragment::{Fragment, Standing};

use crate::ident::{INSERT_TRIGGER, UPDATE_TRIGGER, dollar_quoted, own, quote};
use crate::lens::Lens;
use crate::plan::Side;

/// Bound to `pg_catalog`, as all operators here: the function runs under its caller's `search_path`.
const INSERTING: &str = "TG_OP OPERATOR(pg_catalog.=) 'INSERT'";

/// The setting by which the backfill's own writes are kept out of the trigger while rows are filled. It is only ever set
/// inside a transaction of the backfill; a write that has it on and changes an old or a read column is still synced.
pub const BACKFILL_SETTING: &str = "migrate.backfill";

/// SQL that is true for the backfill's own writes.
const IS_BACKFILL: &str = "pg_catalog.current_setting('migrate.backfill', true) OPERATOR(pg_catalog.=) 'on'";

/// One lens of a table as it takes part in the sync, already in SQL.
#[derive(Clone, Debug)]
pub struct Part {
    /// The block of PL/pgSQL.
    pub block: String,
    /// What an `INSERT` does first where another plan's lens comes before it.
    pub descent: String,
    /// When an update concerns it.
    pub update_condition: String,
    /// The columns it looks at.
    pub reads: Vec<String>,
    /// The columns it may set.
    pub writes: Vec<String>,
}

/// The lenses of one plan on one table, in SQL; `plan` and the number of the first lens label the
/// blocks for whoever reads the function.
pub fn parts(plan: &str, lenses: &[Lens], standing: Standing, authority: Side) -> Vec<Part> {
    lenses
        .iter()
        .map(|lens| {
            let fragment = Fragment::new(lens, standing);
            let (old, new) = (fragment.old.clone(), lens.new.column.to_string());
            let context = lens.context.iter().map(|column| column.column.to_string());
            Part {
                block: fragment.block(&format!("{plan}.{new}"), authority),
                descent: fragment.descent(),
                update_condition: fragment.update_condition(),
                reads: [old.clone(), new.clone()].into_iter().chain(context).collect(),
                writes: vec![old, new],
            }
        })
        .collect()
}

/// The statements that give a table the sync of all plans in flight, oldest first. `members` are the
/// tables whose rows it must see: the table itself, and each child of plain inheritance, which a
/// parent's row trigger does not fire for.
pub fn install(function: &str, members: &[String], parts: &[Part]) -> Vec<String> {
    let mut statements = vec![create_function(function, parts)];
    statements.push(format!("GRANT EXECUTE ON FUNCTION {}() TO PUBLIC", own(function)));
    let when: Vec<String> = parts.iter().map(|part| format!("({})", part.update_condition)).collect();
    for table in members {
        statements.push(format!(
            "CREATE OR REPLACE TRIGGER {} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {}()",
            quote(INSERT_TRIGGER),
            own(function)
        ));
        statements.push(format!(
            "CREATE OR REPLACE TRIGGER {} BEFORE UPDATE ON {table} FOR EACH ROW WHEN ({}) EXECUTE FUNCTION {}()",
            quote(UPDATE_TRIGGER),
            when.join(" OR "),
            own(function)
        ));
        // Rows that arrive by logical replication are synced too.
        statements.push(format!(
            "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {}, ENABLE ALWAYS TRIGGER {}",
            quote(INSERT_TRIGGER),
            quote(UPDATE_TRIGGER)
        ));
    }
    statements
}

/// The statements that take the sync from a table.
pub fn remove(function: &str, members: &[String]) -> Vec<String> {
    let mut statements = drop_triggers(members);
    statements.push(format!("DROP FUNCTION IF EXISTS {}()", own(function)));
    statements
}

/// The statements that take the triggers alone from tables.
pub fn drop_triggers(tables: &[String]) -> Vec<String> {
    let both = |table: &String| {
        [INSERT_TRIGGER, UPDATE_TRIGGER].map(|trigger| format!("DROP TRIGGER IF EXISTS {} ON {table}", quote(trigger)))
    };
    tables.iter().flat_map(both).collect()
}

/// The statement that replaces the body of a table's sync function. It takes no lock on the table.
pub fn create_function(function: &str, parts: &[Part]) -> String {
    let mut body = String::from("\nBEGIN\n");
    for (place, part) in parts.iter().enumerate().rev() {
        let earlier_writes = |column: &String| parts[..place].iter().any(|earlier| earlier.writes.contains(column));
        if part.writes.iter().any(earlier_writes) {
            body.push_str(&part.descent);
        }
    }
    for part in parts {
        body.push_str(&part.block);
    }
    // A later plan may have set what an earlier one looks at: those follow, newest to oldest.
    for (place, part) in parts.iter().enumerate().rev() {
        let later_writes = |column: &String| parts[place + 1..].iter().any(|later| later.writes.contains(column));
        if part.reads.iter().any(later_writes) {
            body.push_str(&part.block);
        }
    }
    body.push_str("  RETURN NEW;\nEND\n");
    let body = dollar_quoted(&body);
    format!("CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS {body}", own(function))
}
