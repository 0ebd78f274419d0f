//! Expand: the new columns, the conversions and the sync, in one transaction a table.

use super::TableSteps;
use crate::conversion::effective;
use crate::declaration::Column;
use crate::expr::Expr;
use crate::ident::{self, literal, own, quote};
use crate::plan::{Phase, Side, Step, SyncChange};
use crate::planner::column_type;

impl<S: Clone> TableSteps<'_, S> {
    pub(super) fn expand(&self) -> Step {
        let mut statements = Vec::new();
        let added: Vec<String> = self
            .table
            .changes
            .iter()
            .map(|change| format!("ADD COLUMN {} {}", quote(&change.new.name.text), change.new.ty.sql()))
            .collect();
        statements.push(format!("ALTER TABLE {} {}", self.sql(), added.join(", ")));
        for (place, change) in self.table.changes.iter().enumerate() {
            let (up, down) = effective(change);
            let lens = &self.planned.lenses[place];
            statements.push(self.function(&lens.up.function, &up, &change.old, &change.new));
            statements.push(grant_function(&lens.up.function, &self.argument_types(&up, &change.old)));
            statements.push(self.function(&lens.down.function, &down, &change.new, &change.old));
            statements.push(grant_function(&lens.down.function, &self.argument_types(&down, &change.new)));
        }
        let conflicts = own(&ident::conflicts(self.plan));
        if self.place == 0 {
            statements.push(format!("CREATE SEQUENCE {conflicts} MINVALUE 0 START 0"));
            statements.push(format!("SELECT pg_catalog.nextval({}::pg_catalog.regclass)", literal(&conflicts)));
            statements.push(format!("GRANT USAGE ON SEQUENCE {conflicts} TO PUBLIC"));
        }
        Step {
            phase: Phase::Expand,
            name: format!("expand {}", self.shown()).into(),
            summary: format!(
                "Adds {} and, in the same transaction, the sync triggers: from the first instant a write to either \
                 side reaches both.",
                self.columns(Side::New)
            )
            .into(),
            work: self.transaction(SyncChange::Install, statements),
            undo: self.transaction(SyncChange::Remove, self.unexpand()),
            locks: self.instantly().into(),
            probe: self.probe_columns(self.table.changes.iter().map(|change| change.new.name.text.clone())).into(),
        }
    }

    fn unexpand(&self) -> Vec<String> {
        let dropped: Vec<String> =
            self.table.changes.iter().map(|change| format!("DROP COLUMN {}", quote(&change.new.name.text))).collect();
        let mut statements = vec![format!("ALTER TABLE {} {}", self.sql(), dropped.join(", "))];
        statements.extend(self.drop_functions());
        // Undone last, as it was done first.
        if self.place == 0 {
            statements.push(self.drop_sequence());
        }
        statements
    }

    pub(super) fn drop_sequence(&self) -> String {
        format!("DROP SEQUENCE {}", own(&ident::conflicts(self.plan)))
    }

    pub(super) fn drop_functions(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for (place, change) in self.table.changes.iter().enumerate() {
            let (up, down) = effective(change);
            let lens = &self.planned.lenses[place];
            for (conversion, expr, from) in [(&lens.up, &up, &change.old), (&lens.down, &down, &change.new)] {
                let types = self.argument_types(expr, from);
                statements.push(format!("DROP FUNCTION {}({types})", own(&conversion.function)));
            }
        }
        statements
    }

    /// A conversion as a function whose body PostgreSQL binds when it is created: no `search_path` of a
    /// later session can change what it means.
    fn function(&self, name: &str, expr: &Expr<S>, from: &Column<S>, to: &Column<S>) -> String {
        let arguments: Vec<String> = expr
            .columns()
            .into_iter()
            .map(|column| format!("{} {}", quote(column), self.type_of(from, column)))
            .collect();
        format!(
            "CREATE FUNCTION {}({}) RETURNS {} LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN {expr}",
            own(name),
            arguments.join(", "),
            to.ty.unmodified(),
        )
    }

    fn type_of(&self, from: &Column<S>, column: &str) -> String {
        column_type(self.table, from, column).map_or_else(|| "unknown".to_owned(), |ty| ty.unmodified())
    }

    fn argument_types(&self, expr: &Expr<S>, from: &Column<S>) -> String {
        let types: Vec<String> = expr.columns().into_iter().map(|column| self.type_of(from, column)).collect();
        types.join(", ")
    }
}

fn grant_function(name: &str, types: &str) -> String {
    format!("GRANT EXECUTE ON FUNCTION {}({types}) TO PUBLIC", own(name))
}
