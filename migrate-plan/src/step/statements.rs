//! The SQL of a step, but for the sync triggers: those depend on the other plans in flight on the table.

use super::{Step, StepKind, SyncChange, Work};
use crate::ident::{literal, own, quote};
use crate::lens::{Conversion, Lens};
use crate::plan::Planned;

impl Step {
    /// The statements of `work`, the step's own or its undoing, in their order. Where the sync is
    /// installed the conversions it calls are created, and where it is removed they go.
    pub fn statements(&self, plan: &Planned, work: &Work) -> Vec<String> {
        match work {
            Work::Statement(sql) => vec![sql.to_string()],
            Work::Transaction { sync, statements, .. } => {
                let mut all: Vec<String> = statements.iter().map(ToString::to_string).collect();
                let lenses = &*plan.tables[self.table].lenses;
                match sync {
                    SyncChange::Install => {
                        lenses.iter().for_each(|lens| create_conversions(lens, &mut all));
                        if self.table == 0 {
                            create_counter(&plan.tables[0].lenses, &mut all);
                        }
                    }
                    SyncChange::Remove => {
                        lenses.iter().for_each(|lens| drop_conversions(lens, &mut all));
                        // One counter for all tables: it is made with the first and goes with the last one.
                        let last = if self.kind == StepKind::Drop { plan.tables.len() - 1 } else { 0 };
                        if self.table == last {
                            all.extend(lenses.first().map(|lens| format!("DROP SEQUENCE {}", own(&lens.conflicts))));
                        }
                    }
                    _ => {}
                }
                all
            }
            _ => Vec::new(),
        }
    }
}

/// A sequence counts conflicts: what it counts outlives the transaction that was told of one, and no
/// writer waits for another.
fn create_counter(lenses: &[Lens], statements: &mut Vec<String>) {
    let Some(lens) = lenses.first() else { return };
    let counter = own(&lens.conflicts);
    statements.push(format!("CREATE SEQUENCE {counter} MINVALUE 0 START 0"));
    statements.push(format!("SELECT pg_catalog.nextval({}::pg_catalog.regclass)", literal(&counter)));
    statements.push(format!("GRANT USAGE ON SEQUENCE {counter} TO PUBLIC"));
}

/// A conversion is a function whose body PostgreSQL binds when it is created: no `search_path` of a
/// later session can change what it means.
fn create_conversions(lens: &Lens, statements: &mut Vec<String>) {
    for (conversion, to) in [(&lens.up, &lens.new), (&lens.down, &lens.old)] {
        let Conversion { function, expression, arguments, .. } = conversion;
        let arguments: Vec<String> =
            arguments.iter().map(|column| format!("{} {}", quote(column), lens.base_of(column))).collect();
        statements.push(format!(
            "CREATE FUNCTION {}({}) RETURNS {} LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN {expression}",
            own(function),
            arguments.join(", "),
            to.base,
        ));
        statements.push(format!("GRANT EXECUTE ON FUNCTION {} TO PUBLIC", signature(lens, conversion)));
    }
}

fn drop_conversions(lens: &Lens, statements: &mut Vec<String>) {
    for conversion in [&lens.up, &lens.down] {
        statements.push(format!("DROP FUNCTION {}", signature(lens, conversion)));
    }
}

/// `"migrate"."orders_total_cents_1_up"(numeric)`
fn signature(lens: &Lens, conversion: &Conversion) -> String {
    let types: Vec<&str> = conversion.arguments.iter().map(|column| lens.base_of(column)).collect();
    format!("{}({})", own(&conversion.function), types.join(", "))
}

impl Lens {
    /// The type without modifiers of a column that its conversions take.
    fn base_of(&self, column: &str) -> &str {
        match self.context.iter().find(|context| context.column == column) {
            Some(context) => &context.base,
            None if self.new.column == column => &self.new.base,
            None => &self.old.base,
        }
    }
}
