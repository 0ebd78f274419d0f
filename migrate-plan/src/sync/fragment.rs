//! One lens in SQL: what the trigger's condition, the backfill and the verification need of it.

use std::fmt::Write;

use super::block::Block;
use super::{INSERTING, IS_BACKFILL};
use crate::ident::retired;
use crate::lens::{Lens, field};
use crate::plan::Side;

/// How a lens stands on its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// While rows are being filled: a value that `up` does not convert leaves the new column empty, and is
    /// found by the backfill.
    Lenient,
    /// From then on: what `up` does not convert is refused.
    Strict,
    /// Strict, with the old column under its retired name.
    Retired,
}

impl Standing {
    fn old_name(self, lens: &Lens) -> String {
        match self {
            Standing::Lenient | Standing::Strict => lens.old.column.to_string(),
            Standing::Retired => retired(&lens.old.column),
        }
    }
}

/// A lens in SQL: what the composed function and triggers of a table are put together from.
pub struct Fragment<'a> {
    pub(super) lens: &'a Lens,
    pub(super) standing: Standing,
    /// The old column's name as it is now.
    pub(super) old: String,
}

impl<'a> Fragment<'a> {
    /// The SQL of `lens` as it stands.
    pub fn new(lens: &'a Lens, standing: Standing) -> Fragment<'a> {
        Fragment { lens, standing, old: standing.old_name(lens) }
    }

    fn rename(&self) -> impl Fn(&str) -> String + '_ {
        |column| if column == self.lens.old.column { self.old.clone() } else { column.to_owned() }
    }

    pub(super) fn o(&self, row: &str) -> String {
        field(row, &self.old)
    }

    pub(super) fn n(&self, row: &str) -> String {
        field(row, &self.lens.new.column)
    }

    pub(super) fn up(&self, row: &str) -> String {
        self.lens.up.call(row, &self.rename())
    }

    pub(super) fn down(&self, row: &str) -> String {
        self.lens.down.call(row, &self.rename())
    }

    pub(super) fn old_changed(&self) -> String {
        self.lens.old.image.differ(&self.o("OLD"), &self.o("NEW"))
    }

    pub(super) fn new_changed(&self) -> String {
        self.lens.new.image.differ(&self.n("OLD"), &self.n("NEW"))
    }

    pub(super) fn context_changed(&self) -> Option<String> {
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
    ///
    /// PostgreSQL reads the condition of a trigger anew, from its text, for every statement: that is most of what the sync
    /// costs a statement of one row. So it is as short as can be: a null makes it true, and the backfill's own writes are
    /// told from others only while there is one.
    pub fn update_condition(&self) -> String {
        let Lens { old, context, .. } = self.lens;
        let (before, after) = (self.o("OLD"), self.o("NEW"));
        let mut same = match old.not_null {
            true => old.image.equal(&before, &after),
            false => old.image.same(&before, &after),
        };
        for column in context {
            let [before, after] = ["OLD", "NEW"].map(|row| field(row, &column.column));
            let _ = write!(same, " AND {}", column.image.same(&before, &after));
        }
        let new = self.lens.new.image.equal(&self.n("OLD"), &self.n("NEW"));
        match self.standing {
            Standing::Lenient => format!("({same} AND ({new} OR {IS_BACKFILL})) IS NOT TRUE"),
            Standing::Strict | Standing::Retired => format!("({same} AND {new}) IS NOT TRUE"),
        }
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

    /// SQL that is true for a row whose sides do not belong together; `first` is the side whose agreement
    /// is asked for first. For a row that agrees there, the other conversion is not computed, which may
    /// fail on it.
    pub fn mismatch(&self, first: Side) -> String {
        let (o, n) = (self.o(""), self.n(""));
        let new = self.lens.new.image.same(&n, &format!("{}::{}", self.up(""), self.lens.new.ty));
        let old = self.lens.old.image.same(&o, &format!("{}::{}", self.down(""), self.lens.old.ty));
        let (first, second) = match first {
            Side::New => (new, old),
            Side::Old => (old, new),
        };
        let disagree = format!("CASE WHEN {first} THEN false ELSE NOT {second} END");
        if self.lens.new.not_null { format!("({n} IS NULL OR {disagree})") } else { disagree }
    }

    /// What an `INSERT` does first where this lens starts from a column that an earlier plan's lens
    /// ends in: a writer of the newest shape says nothing of the shapes before, and what the table's
    /// defaults say of them must not count against it.
    pub fn descent(&self) -> String {
        let (o, n) = (self.o("NEW"), self.n("NEW"));
        format!(
            "  IF {INSERTING} AND {n} IS NOT NULL AND {o} IS NULL THEN\n    {o} := {};\n  END IF;\n",
            self.down("NEW")
        )
    }

    /// The lens as a block of PL/pgSQL, to be put into the function of its table.
    pub fn block(&self, label: &str, authority: Side) -> String {
        Block { fragment: self, authority }.render(label)
    }
}
