//! The steps of a plan. Each says what it does, under which lock, how one sees that it is done, and
//! how it is undone.

use super::{column_type, conversions};
use crate::declaration::{Column, Declaration, Table};
use crate::expr::Expr;
use crate::ident::{self, literal, own, quote, retired};
use crate::plan::{Held, Lock, LockMode, Phase, Side, Step, SyncChange, Table as PlannedTable, Text, Work};

pub(super) fn steps<S: Clone>(declaration: &Declaration<S>, planned: &[PlannedTable]) -> Vec<Step> {
    let plan = &declaration.name.text;
    let mut tables = Vec::new();
    let mut first = 1;
    for (place, table) in declaration.tables.iter().enumerate() {
        tables.push(TableSteps { plan, place, table, planned: &planned[place], first });
        first += table.changes.len();
    }
    let mut steps = Vec::new();
    for table in &tables {
        steps.push(table.expand());
    }
    for table in &tables {
        steps.push(table.backfill());
        steps.extend(table.not_null());
    }
    for table in &tables {
        steps.push(table.verify());
    }
    steps.push(switch(&tables));
    for table in &tables {
        steps.push(table.retire());
    }
    for table in &tables {
        steps.push(table.drop(tables.len() - 1));
    }
    steps
}

/// The steps of one table.
struct TableSteps<'a, S> {
    plan: &'a str,
    place: usize,
    table: &'a Table<S>,
    planned: &'a PlannedTable,
    /// The number of the table's first change in the plan.
    first: usize,
}

fn switch<S: Clone>(tables: &[TableSteps<'_, S>]) -> Step {
    let names: Vec<String> = tables.iter().map(TableSteps::shown).collect();
    Step {
        phase: Phase::Switch,
        name: "switch".into(),
        summary: format!(
            "The new side wins from here on: where one statement writes both and they disagree, it is the new one \
             that stays. Only the body of the sync function of {} is replaced.",
            names.join(", ")
        )
        .into(),
        work: Work::Authority(Side::New),
        undo: Work::Authority(Side::Old),
        locks: Vec::new().into(),
        probe: "".into(),
    }
}

impl<S: Clone> TableSteps<'_, S> {
    /// `public.orders`, for names and people.
    fn shown(&self) -> String {
        format!("{}.{}", self.table.schema(), self.table.name.text)
    }

    /// `"public"."orders"`, for SQL.
    fn sql(&self) -> String {
        self.table.qualified().to_string()
    }

    fn lock(&self, mode: LockMode, held: Held) -> Lock {
        Lock { table: self.shown().into(), mode, held }
    }

    fn transaction(&self, sync: SyncChange, statements: Vec<String>) -> Work {
        Work::Transaction {
            table: self.place,
            lock: LockMode::AccessExclusive,
            sync,
            statements: statements.into_iter().map(Text::from).collect::<Vec<_>>().into(),
        }
    }

    fn instantly(&self) -> Vec<Lock> {
        vec![self.lock(LockMode::AccessExclusive, Held::Instant)]
    }

    /// `a`, `a and b`, `a, b and c` of the changed columns' names on one side.
    fn columns(&self, side: Side) -> String {
        let names: Vec<String> = self
            .table
            .changes
            .iter()
            .map(|change| match side {
                Side::Old => format!("`{}`", change.old.name.text),
                Side::New => format!("`{}`", change.new.name.text),
            })
            .collect();
        match names.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
            None => String::new(),
        }
    }

    fn expand(&self) -> Step {
        let mut statements = Vec::new();
        let added: Vec<String> = self
            .table
            .changes
            .iter()
            .map(|change| format!("ADD COLUMN {} {}", quote(&change.new.name.text), change.new.ty.sql()))
            .collect();
        statements.push(format!("ALTER TABLE {} {}", self.sql(), added.join(", ")));
        for (place, change) in self.table.changes.iter().enumerate() {
            let (up, down) = conversions(change);
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

    fn drop_sequence(&self) -> String {
        format!("DROP SEQUENCE {}", own(&ident::conflicts(self.plan)))
    }

    fn drop_functions(&self) -> Vec<String> {
        let mut statements = Vec::new();
        for (place, change) in self.table.changes.iter().enumerate() {
            let (up, down) = conversions(change);
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

    fn backfill(&self) -> Step {
        Step {
            phase: Phase::DualWrite,
            name: format!("backfill {}", self.shown()).into(),
            summary: format!(
                "Fills {} in the rows that no writer has touched since, in batches of about 50 ms. The cursor \
                 commits with its rows.",
                self.columns(Side::New)
            )
            .into(),
            work: Work::Backfill { table: self.place },
            undo: Work::Nothing,
            locks: vec![self.lock(LockMode::RowExclusive, Held::Batch)].into(),
            probe: "".into(),
        }
    }

    /// `NOT NULL` in three steps: a check that looks at new writes only, its validation beside readers
    /// and writers, and then the flag, which PostgreSQL takes from the proven check without a scan.
    fn not_null(&self) -> Vec<Step> {
        let proven: Vec<(String, String)> = self
            .table
            .changes
            .iter()
            .enumerate()
            .filter(|(_, change)| change.new.not_null)
            .map(|(place, change)| (change.new.name.text.clone(), ident::not_null_proof(self.plan, self.first + place)))
            .collect();
        if proven.is_empty() {
            return Vec::new();
        }
        let table = self.sql();
        let each = |form: &dyn Fn(&str, &str) -> String| -> String {
            proven.iter().map(|(column, proof)| form(&quote(column), &quote(proof))).collect::<Vec<_>>().join(", ")
        };
        let add = each(&|column, proof| format!("ADD CONSTRAINT {proof} CHECK ({column} IS NOT NULL) NOT VALID"));
        let validate = each(&|_, proof| format!("VALIDATE CONSTRAINT {proof}"));
        let set = each(&|column, _| format!("ALTER COLUMN {column} SET NOT NULL"));
        let drop = each(&|_, proof| format!("DROP CONSTRAINT {proof}"));
        let columns: Vec<String> = proven.iter().map(|(column, _)| format!("`{column}`")).collect();
        let columns = columns.join(", ");
        let proofs = |condition: &str| {
            let names: Vec<String> = proven.iter().map(|(_, proof)| literal(proof)).collect();
            format!(
                "SELECT count(*) = {} FROM pg_catalog.pg_constraint WHERE conrelid = {} AND conname IN ({}){condition}",
                proven.len(),
                self.regclass(),
                names.join(", ")
            )
        };
        let flags: Vec<String> = proven.iter().map(|(column, _)| literal(column)).collect();
        // All three are undone by dropping the column.
        vec![
            Step {
                phase: Phase::DualWrite,
                name: format!("require {}", self.shown()).into(),
                summary: format!("Requires {columns} of every new write, by a check that reads no existing row.")
                    .into(),
                work: self.transaction(SyncChange::Keep, vec![format!("ALTER TABLE {table} {add}")]),
                undo: Work::Nothing,
                locks: self.instantly().into(),
                probe: proofs("").into(),
            },
            Step {
                phase: Phase::DualWrite,
                name: format!("prove {}", self.shown()).into(),
                summary: format!(
                    "Reads the table once to prove that no {columns} is null, beside readers and writers."
                )
                .into(),
                work: Work::Statement(format!("ALTER TABLE {table} {validate}").into()),
                undo: Work::Nothing,
                locks: vec![self.lock(LockMode::ShareUpdateExclusive, Held::Scan)].into(),
                probe: proofs(" AND convalidated").into(),
            },
            Step {
                phase: Phase::DualWrite,
                name: format!("not null {}", self.shown()).into(),
                summary: format!("Sets {columns} NOT NULL: the proven check saves PostgreSQL the scan.").into(),
                work: self.transaction(
                    SyncChange::Keep,
                    vec![format!("ALTER TABLE {table} {set}"), format!("ALTER TABLE {table} {drop}")],
                ),
                undo: Work::Nothing,
                locks: self.instantly().into(),
                probe: format!(
                    "SELECT count(*) = {} FROM pg_catalog.pg_attribute WHERE attrelid = {} AND attname IN ({}) AND \
                     attnotnull AND NOT attisdropped",
                    proven.len(),
                    self.regclass(),
                    flags.join(", ")
                )
                .into(),
            },
        ]
    }

    fn verify(&self) -> Step {
        Step {
            phase: Phase::Switch,
            name: format!("verify {}", self.shown()).into(),
            summary: format!(
                "Compares {} with {} in every row. The switch does not begin while one row disagrees.",
                self.columns(Side::Old),
                self.columns(Side::New)
            )
            .into(),
            work: Work::Verify { table: self.place },
            undo: Work::Nothing,
            locks: vec![self.lock(LockMode::AccessShare, Held::Batch)].into(),
            probe: "".into(),
        }
    }

    fn retire(&self) -> Step {
        let table = self.sql();
        let rename = |from: &dyn Fn(&str) -> String, to: &dyn Fn(&str) -> String| -> Vec<String> {
            self.table
                .changes
                .iter()
                .map(|change| {
                    let name = &change.old.name.text;
                    format!("ALTER TABLE {table} RENAME COLUMN {} TO {}", quote(&from(name)), quote(&to(name)))
                })
                .collect()
        };
        let (live, gone) = (|name: &str| name.to_owned(), |name: &str| retired(name));
        Step {
            phase: Phase::Contract,
            name: format!("retire {}", self.shown()).into(),
            summary: format!(
                "Renames {} out of reach, sync still on: code that still needs it fails at once, and the rename can \
                 be undone with nothing lost.",
                self.columns(Side::Old)
            )
            .into(),
            work: self.transaction(SyncChange::Retire, rename(&live, &gone)),
            undo: self.transaction(SyncChange::Unretire, rename(&gone, &live)),
            locks: self.instantly().into(),
            probe: self.probe_columns(self.table.changes.iter().map(|change| retired(&change.old.name.text))).into(),
        }
    }

    fn drop(&self, last: usize) -> Step {
        let table = self.sql();
        let mut actions: Vec<String> = Vec::new();
        for change in &self.table.changes {
            actions.push(format!("DROP COLUMN {}", quote(&retired(&change.old.name.text))));
        }
        for (place, change) in self.table.changes.iter().enumerate() {
            if let Some(default) = &self.planned.lenses[place].new.default {
                actions.push(format!("ALTER COLUMN {} SET DEFAULT {default}", quote(&change.new.name.text)));
            }
        }
        let mut statements = vec![format!("ALTER TABLE {table} {}", actions.join(", "))];
        statements.extend(self.drop_functions());
        if self.place == last {
            statements.push(self.drop_sequence());
        }
        let names: Vec<String> =
            self.table.changes.iter().map(|change| literal(&retired(&change.old.name.text))).collect();
        Step {
            phase: Phase::Contract,
            name: format!("drop {}", self.shown()).into(),
            summary: format!(
                "Removes the sync, then {}, in one transaction. From here on there is no way back.",
                self.columns(Side::Old)
            )
            .into(),
            work: self.transaction(SyncChange::Remove, statements),
            undo: Work::Nothing,
            locks: self.instantly().into(),
            probe: format!(
                "SELECT count(*) = 0 FROM pg_catalog.pg_attribute WHERE attrelid = {} AND attname IN ({}) AND NOT \
                 attisdropped",
                self.regclass(),
                names.join(", ")
            )
            .into(),
        }
    }

    fn regclass(&self) -> String {
        format!("pg_catalog.to_regclass({})", literal(&self.sql()))
    }

    fn probe_columns(&self, names: impl Iterator<Item = String>) -> String {
        let names: Vec<String> = names.map(|name| literal(&name)).collect();
        format!(
            "SELECT count(*) = {} FROM pg_catalog.pg_attribute WHERE attrelid = {} AND attname IN ({}) AND NOT \
             attisdropped",
            names.len(),
            self.regclass(),
            names.join(", ")
        )
    }
}

fn grant_function(name: &str, types: &str) -> String {
    format!("GRANT EXECUTE ON FUNCTION {}({types}) TO PUBLIC", own(name))
}
