//! The SQL of the sync: what keeps both shapes of a row equal, whoever writes it.
//!
//! Two `BEFORE … FOR EACH ROW` triggers share one function a table. It never asks who is writing; it
//! looks at what changed. O is the old column, N the new one, C the other columns that the conversions
//! read. "Same" is always image equality, see [`Image`](crate::types::Image).

use std::fmt::Write;

use crate::ident::{INSERT_TRIGGER, UPDATE_TRIGGER, literal, own, quote, retired};
use crate::lens::{Lens, field};
use crate::plan::Side;

/// What raises an error inside a conversion because of the value it was given.
const DATA_ERRORS: &str = "data_exception OR integrity_constraint_violation OR raise_exception";

/// The setting by which the backfill's own writes are kept out of the trigger. It is only ever set
/// inside a transaction of the backfill; a write that has it on and changes an old or a read column is
/// still synced.
pub const BACKFILL_SETTING: &str = "migrate.backfill";

/// Which of its two names the old column has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldName {
    /// Its own.
    Live,
    /// The one it was retired to.
    Retired,
}

impl OldName {
    fn of(self, lens: &Lens) -> String {
        match self {
            OldName::Live => lens.old.column.to_string(),
            OldName::Retired => retired(&lens.old.column),
        }
    }
}

/// A lens in SQL: what the composed function and triggers of a table are put together from.
pub struct Fragment<'a> {
    lens: &'a Lens,
    old: String,
}

impl<'a> Fragment<'a> {
    /// The SQL of `lens` while its old column has this name.
    pub fn new(lens: &'a Lens, name: OldName) -> Fragment<'a> {
        Fragment { lens, old: name.of(lens) }
    }

    fn rename(&self) -> impl Fn(&str) -> String + '_ {
        |column| if column == self.lens.old.column { self.old.clone() } else { column.to_owned() }
    }

    fn o(&self, row: &str) -> String {
        field(row, &self.old)
    }

    fn n(&self, row: &str) -> String {
        field(row, &self.lens.new.column)
    }

    fn up(&self, row: &str) -> String {
        self.lens.up.call(row, &self.rename())
    }

    fn down(&self, row: &str) -> String {
        self.lens.down.call(row, &self.rename())
    }

    fn old_changed(&self) -> String {
        self.lens.old.image.differ(&self.o("OLD"), &self.o("NEW"))
    }

    fn new_changed(&self) -> String {
        self.lens.new.image.differ(&self.n("OLD"), &self.n("NEW"))
    }

    fn context_changed(&self) -> Option<String> {
        let changes: Vec<String> = self
            .lens
            .context
            .iter()
            .map(|column| column.image.differ(&field("OLD", &column.column), &field("NEW", &column.column)))
            .collect();
        (!changes.is_empty()).then(|| changes.join(" OR "))
    }

    /// When an update concerns this lens: something it looks at changed, or the new column is not
    /// filled yet. The second is needed, not an extra: an update of any other column may move a row out
    /// of the reach of the backfill.
    pub fn update_condition(&self) -> String {
        let mut when = self.old_changed();
        if let Some(context) = self.context_changed() {
            let _ = write!(when, " OR {context}");
        }
        let _ = write!(
            when,
            " OR (({} IS NULL OR {}) AND (pg_catalog.current_setting({}, true) OPERATOR(pg_catalog.=) 'on') IS NOT TRUE)",
            self.n("NEW"),
            self.new_changed(),
            literal(BACKFILL_SETTING),
        );
        when
    }

    /// SQL that sets the new column of a row that is not filled yet.
    pub fn fill(&self) -> String {
        let n = self.n("");
        format!("{n} = CASE WHEN {n} IS NULL THEN {} ELSE {n} END", self.up(""))
    }

    /// SQL that is true for a row which the backfill still has to fill.
    pub fn unfilled(&self) -> String {
        if self.lens.new.not_null {
            format!("{} IS NULL", self.n(""))
        } else {
            format!("({} IS NULL AND {} IS NOT NULL)", self.n(""), self.up(""))
        }
    }

    /// SQL that is true for a row whose sides do not belong together.
    pub fn mismatch(&self) -> String {
        let (o, n) = (self.o(""), self.n(""));
        let up = format!("{}::{}", self.up(""), self.lens.new.ty);
        let down = format!("{}::{}", self.down(""), self.lens.old.ty);
        let agrees_up = self.lens.new.image.same(&n, &up);
        let agrees_down = self.lens.old.image.same(&o, &down);
        if self.lens.new.not_null {
            format!("({n} IS NULL OR NOT ({agrees_up} OR {agrees_down}))")
        } else {
            format!("NOT ({agrees_up} OR {agrees_down})")
        }
    }

    /// What an `INSERT` does first where this lens starts from a column that an earlier plan's lens
    /// ends in: a writer of the newest shape says nothing of the shapes before, and what the table's
    /// defaults say of them must not count against it.
    pub fn descent(&self) -> String {
        let (o, n) = (self.o("NEW"), self.n("NEW"));
        format!(
            "  IF TG_OP = 'INSERT' AND {n} IS NOT NULL AND {o} IS NULL THEN\n    {o} := {};\n  END IF;\n",
            self.down("NEW")
        )
    }

    /// The lens as a block of PL/pgSQL, to be put into the function of its table.
    pub fn block(&self, label: &str, authority: Side) -> String {
        Block { fragment: self, authority }.render(label)
    }
}

/// Writes one lens as PL/pgSQL.
struct Block<'a> {
    fragment: &'a Fragment<'a>,
    authority: Side,
}

impl Block<'_> {
    fn render(&self, label: &str) -> String {
        let lens = self.fragment.lens;
        let mut text = format!("  <<{}>>\n  DECLARE\n", quote(label));
        let _ = writeln!(text, "    up_value {};", lens.new.ty);
        let _ = writeln!(text, "    up_failed boolean := false;");
        let _ = writeln!(text, "    down_value {};", lens.old.ty);
        let _ = writeln!(text, "    down_failed boolean := false;");
        text.push_str("  BEGIN\n    IF TG_OP = 'INSERT' THEN\n");
        text.push_str(&indent(&self.insert(), 6));
        text.push_str("    ELSE\n");
        text.push_str(&indent(&self.update(), 6));
        text.push_str("    END IF;\n  END;\n");
        text
    }

    /// `INSERT`: a missing side is derived; a pair that agrees stays; a default was not supplied; else
    /// the authority wins.
    fn insert(&self) -> String {
        let Fragment { lens, .. } = self.fragment;
        let (o, n) = (self.fragment.o("NEW"), self.fragment.n("NEW"));
        let mut text = format!("IF {n} IS NULL THEN\n");
        if lens.old.not_null {
            // An old writer always supplies O, or its default does: without it, a new writer left N out.
            let mut both_missing = String::new();
            if let (Some(default), None) = (&lens.new.default, &lens.old.default) {
                let _ = writeln!(both_missing, "{n} := {default};");
            }
            let _ = writeln!(both_missing, "{o} := {};", self.fragment.down("NEW"));
            let _ = write!(text, "  IF {o} IS NULL THEN\n{}", indent(&both_missing, 4));
            let _ = write!(text, "  ELSE\n{}  END IF;\n", indent(&self.derive_new(), 4));
        } else {
            text.push_str(&indent(&self.derive_new(), 2));
        }
        if lens.old.not_null {
            let _ = write!(text, "ELSIF {o} IS NULL THEN\n  {}", self.derive_old());
        }
        let not_supplied = match (&lens.old.default, lens.old.not_null) {
            (Some(default), _) => Some(lens.old.image.same(&o, &format!("({default})::{}", lens.old.ty))),
            (None, false) => Some(format!("{o} IS NULL")),
            (None, true) => None,
        };
        let _ = write!(text, "ELSE\n{}END IF;\n", indent(&self.resolve(not_supplied.as_deref()), 2));
        text
    }

    fn update(&self) -> String {
        let Fragment { lens, .. } = self.fragment;
        let n = self.fragment.n("NEW");
        let mut text = format!("IF {} THEN\n", self.fragment.old_changed());
        // A column that is to be NOT NULL was not supplied where it is null.
        let supplied = if lens.new.not_null { format!("{n} IS NOT NULL AND ") } else { String::new() };
        let _ = writeln!(text, "  IF {supplied}{} THEN", self.fragment.new_changed());
        text.push_str(&indent(&self.resolve(None), 4));
        let _ = write!(text, "  ELSE\n{}  END IF;\n", indent(&self.derive_new(), 4));
        let _ = writeln!(text, "ELSIF {} THEN", self.fragment.new_changed());
        if lens.new.not_null {
            text.push_str(&indent(&self.refuse_null(), 2));
        }
        text.push_str(&indent(&self.only_new_changed(), 2));
        if let Some(changed) = self.fragment.context_changed() {
            let _ = writeln!(text, "ELSIF {changed} THEN");
            text.push_str(&indent(&self.only_context_changed(), 2));
        }
        let _ = writeln!(text, "ELSIF {n} IS NULL THEN");
        text.push_str(&indent(&self.try_up(), 2));
        let _ = writeln!(text, "  {n} := up_value;\nEND IF;");
        text
    }

    /// The finished table refuses a null; while both sides live it would empty the old one.
    fn refuse_null(&self) -> String {
        let column = &self.fragment.lens.new.column;
        format!(
            "IF {} IS NULL THEN\n  RAISE EXCEPTION USING ERRCODE = 'not_null_violation',\n    MESSAGE = {},\n    \
             SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = {};\nEND IF;\n",
            self.fragment.n("NEW"),
            literal(&format!("null value in column \"{column}\" violates its declared not-null constraint")),
            literal(column),
        )
    }

    /// A writer of the new side, unless it wrote what the old side says already: an echo changes nothing.
    fn only_new_changed(&self) -> String {
        let mut text = self.try_up();
        let _ = write!(text, "IF NOT ({}) THEN\n  {}END IF;\n", self.agrees_up(), self.derive_old());
        text
    }

    /// Something that both sides depend on changed: the derived side follows.
    fn only_context_changed(&self) -> String {
        let Fragment { lens, .. } = self.fragment;
        let n = self.fragment.n("NEW");
        let mut text = format!("IF {n} IS NULL THEN\n{}", indent(&self.try_up(), 2));
        let _ = write!(text, "  {n} := up_value;\nELSE\n");
        let up_of_old = attempt("up_value", &self.fragment.up("OLD"), lens.up.can_fail, "up_failed");
        let down_of_old = attempt("down_value", &self.fragment.down("OLD"), lens.down.can_fail, "down_failed");
        let up_held = format!("NOT up_failed AND {}", lens.new.image.same(&self.fragment.n("OLD"), "up_value"));
        let down_held = format!("NOT down_failed AND {}", lens.old.image.same(&self.fragment.o("OLD"), "down_value"));
        // The side that wins is asked last: where both held, the other one is the derived one.
        let (first, first_held, first_derives, second, second_held, second_derives) = match self.authority {
            Side::Old => (up_of_old, up_held, self.derive_new(), down_of_old, down_held, self.derive_old()),
            Side::New => (down_of_old, down_held, self.derive_old(), up_of_old, up_held, self.derive_new()),
        };
        let mut arms = first;
        let _ = write!(arms, "IF {first_held} THEN\n{}ELSE\n", indent(&first_derives, 2));
        arms.push_str(&indent(&second, 2));
        let _ = write!(arms, "  IF {second_held} THEN\n{}", indent(&second_derives, 4));
        let _ = write!(arms, "  ELSE\n{}  END IF;\nEND IF;\n", indent(&self.authority_wins(), 4));
        text.push_str(&indent(&arms, 2));
        text.push_str("END IF;\n");
        text
    }

    /// Both sides were written: keep a pair that agrees, else the authority wins, and it is counted.
    /// `not_supplied` is true where the old side was in truth left out.
    fn resolve(&self, not_supplied: Option<&str>) -> String {
        let lens = self.fragment.lens;
        let o = self.fragment.o("NEW");
        let mut text = self.try_up();
        let _ = writeln!(text, "IF NOT ({}) THEN", self.agrees_up());
        let mut inner = attempt("down_value", &self.fragment.down("NEW"), lens.down.can_fail, "down_failed");
        let agrees_down = format!("NOT down_failed AND {}", lens.old.image.same(&o, "down_value"));
        let _ = writeln!(inner, "IF NOT ({agrees_down}) THEN");
        let mut conflict =
            format!("PERFORM pg_catalog.nextval({}::pg_catalog.regclass);\n", literal(&own(&lens.conflicts)));
        conflict.push_str(&self.authority_wins());
        match not_supplied {
            Some(condition) => {
                let _ = write!(inner, "  IF {condition} THEN\n    {}", self.derive_old());
                let _ = write!(inner, "  ELSE\n{}  END IF;\n", indent(&conflict, 4));
            }
            None => inner.push_str(&indent(&conflict, 2)),
        }
        inner.push_str("END IF;\n");
        text.push_str(&indent(&inner, 2));
        text.push_str("END IF;\n");
        text
    }

    fn authority_wins(&self) -> String {
        match self.authority {
            Side::Old => self.derive_new(),
            Side::New => self.derive_old(),
        }
    }

    /// N from O. Before the switch a value that does not convert leaves N empty, so that no write of the
    /// old application ever fails because of a plan; the row is reported and closes the gate. After it
    /// the new side must hold every value, so the error reaches the writer.
    fn derive_new(&self) -> String {
        let n = self.fragment.n("NEW");
        match self.authority {
            Side::Old => format!("{}{n} := up_value;\n", self.try_up()),
            Side::New => format!("{n} := {};\n", self.fragment.up("NEW")),
        }
    }

    /// O from N. A value that the old side cannot hold is refused: to drop it would be silent.
    fn derive_old(&self) -> String {
        format!("{} := {};\n", self.fragment.o("NEW"), self.fragment.down("NEW"))
    }

    fn try_up(&self) -> String {
        attempt("up_value", &self.fragment.up("NEW"), self.fragment.lens.up.can_fail, "up_failed")
    }

    fn agrees_up(&self) -> String {
        let lens = self.fragment.lens;
        format!("NOT up_failed AND {}", lens.new.image.same(&self.fragment.n("NEW"), "up_value"))
    }
}

/// Assigns, and where the conversion can fail on a value, catches that.
///
/// The block with an exception handler is a subtransaction; a conversion that cannot fail goes without.
fn attempt(variable: &str, value: &str, can_fail: bool, failed: &str) -> String {
    if can_fail {
        format!(
            "BEGIN\n  {variable} := {value};\nEXCEPTION WHEN {DATA_ERRORS} THEN\n  {variable} := NULL;\n  {failed} := true;\nEND;\n"
        )
    } else {
        format!("{variable} := {value};\n")
    }
}

fn indent(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    text.lines().map(|line| format!("{pad}{line}\n")).collect()
}

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
pub fn parts(plan: &str, lenses: &[Lens], name: OldName, authority: Side) -> Vec<Part> {
    lenses
        .iter()
        .map(|lens| {
            let fragment = Fragment::new(lens, name);
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
        for trigger in [INSERT_TRIGGER, UPDATE_TRIGGER] {
            statements.push(format!("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {}", quote(trigger)));
        }
    }
    statements
}

/// The statements that take the sync from a table.
pub fn remove(function: &str, members: &[String]) -> Vec<String> {
    let mut statements: Vec<String> = members
        .iter()
        .flat_map(|table| {
            [INSERT_TRIGGER, UPDATE_TRIGGER]
                .map(|trigger| format!("DROP TRIGGER IF EXISTS {} ON {table}", quote(trigger)))
        })
        .collect();
    statements.push(format!("DROP FUNCTION IF EXISTS {}()", own(function)));
    statements
}

/// The statement that replaces the body of a table's sync function. It takes no lock on the table.
pub fn create_function(function: &str, parts: &[Part]) -> String {
    let mut body = String::from("BEGIN\n");
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
    let mut tag = String::from("$sync$");
    while body.contains(&tag) {
        tag.insert(1, '_');
    }
    format!("CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS {tag}\n{body}{tag}", own(function))
}
