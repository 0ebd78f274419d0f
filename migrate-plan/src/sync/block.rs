//! One lens as a block of PL/pgSQL: the arms of the sync.

use std::fmt::Write;

use super::INSERTING;
use super::fragment::{Fragment, Standing};
use crate::ident::{literal, own, quote};
use crate::plan::Side;

/// What raises an error inside a conversion because of the value it was given.
///
/// `NaN` and `infinity` as a whole number are a "feature not supported".
const DATA_ERRORS: &str =
    "data_exception OR integrity_constraint_violation OR raise_exception OR feature_not_supported";

/// Writes one lens as PL/pgSQL.
pub(super) struct Block<'a> {
    pub(super) fragment: &'a Fragment<'a>,
    pub(super) authority: Side,
}

impl Block<'_> {
    pub(super) fn render(&self, label: &str) -> String {
        let lens = self.fragment.lens;
        let mut text = format!("  <<{}>>\n  DECLARE\n", quote(label));
        let _ = writeln!(text, "    up_value {};", lens.new.ty);
        let _ = writeln!(text, "    down_value {};", lens.old.ty);
        for flag in self.up_flag().into_iter().chain(self.down_flag()) {
            let _ = writeln!(text, "    {flag} boolean := false;");
        }
        let _ = writeln!(text, "  BEGIN\n    IF {INSERTING} THEN");
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
        let _ = write!(text, "ELSE\n{}END IF;\n", indent(&self.resolve_insert(not_supplied.as_deref()), 2));
        text
    }

    fn update(&self) -> String {
        let Fragment { lens, .. } = self.fragment;
        let n = self.fragment.n("NEW");
        let mut text = format!("IF {} THEN\n", self.fragment.old_changed());
        // A column that is to be NOT NULL was not supplied where it is null.
        let supplied = if lens.new.not_null { format!("{n} IS NOT NULL AND ") } else { String::new() };
        let _ = writeln!(text, "  IF {supplied}{} THEN", self.fragment.new_changed());
        text.push_str(&indent(&self.resolve_update(), 4));
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

    /// A writer of the new side, unless it wrote what the old side says already: an echo changes nothing. Where every value
    /// comes back, it does so by itself, and need not be looked for.
    fn only_new_changed(&self) -> String {
        if self.fragment.lens.comes_back {
            return self.derive_old();
        }
        let mut text = self.try_up_flagged();
        let _ = write!(text, "IF NOT {} THEN\n  {}END IF;\n", self.agrees_up("NEW"), self.derive_old());
        text
    }

    /// Something that both sides depend on changed: the derived side follows.
    fn only_context_changed(&self) -> String {
        let Fragment { lens, .. } = self.fragment;
        let up_of_old = attempt("up_value", &self.fragment.up("OLD"), lens.up.can_fail, self.up_flag());
        let down_of_old = attempt("down_value", &self.fragment.down("OLD"), lens.down.can_fail, self.down_flag());
        let up_held = self.agrees_up("OLD");
        let down_held = self.agrees_down("OLD");
        // The side that wins is asked last: where both held, the other one is the derived one.
        let (first, first_held, first_derives, second, second_held, second_derives) = match self.authority {
            Side::Old => (up_of_old, up_held, self.derive_new_again(), down_of_old, down_held, self.derive_old()),
            Side::New => (down_of_old, down_held, self.derive_old(), up_of_old, up_held, self.derive_new_again()),
        };
        let mut arms = first;
        let _ = write!(arms, "IF {first_held} THEN\n{}ELSE\n", indent(&first_derives, 2));
        arms.push_str(&indent(&second, 2));
        let _ = write!(arms, "  IF {second_held} THEN\n{}", indent(&second_derives, 4));
        let _ = write!(arms, "  ELSE\n{}  END IF;\nEND IF;\n", indent(&first_derives, 4));
        if self.authority == Side::Old {
            // A row that is not filled ends in `derive_new` whatever held.
            return arms;
        }
        let n = self.fragment.n("NEW");
        let unfilled = indent(&self.try_up(), 2);
        format!("IF {n} IS NULL THEN\n{unfilled}  {n} := up_value;\nELSE\n{}END IF;\n", indent(&arms, 2))
    }

    /// Both sides were written by an `INSERT`; the new one is not null. `not_supplied` is true where the
    /// old side was in truth left out.
    fn resolve_insert(&self, not_supplied: Option<&str>) -> String {
        let same = self.fragment.lens.new.image.same(&self.fragment.n("NEW"), "up_value");
        self.resolve((self.try_up(), same), not_supplied)
    }

    /// Both sides were written by an `UPDATE`.
    fn resolve_update(&self) -> String {
        self.resolve((self.try_up_flagged(), self.agrees_up("NEW")), None)
    }

    /// Keeps a pair that agrees; else the authority wins, and it is counted.
    fn resolve(&self, (try_up, agrees_up): (String, String), not_supplied: Option<&str>) -> String {
        let lens = self.fragment.lens;
        let mut text = try_up;
        let _ = writeln!(text, "IF NOT {agrees_up} THEN");
        let mut inner = attempt("down_value", &self.fragment.down("NEW"), lens.down.can_fail, self.down_flag());
        let _ = writeln!(inner, "IF NOT {} THEN", self.agrees_down("NEW"));
        let mut conflict =
            format!("PERFORM pg_catalog.nextval({}::pg_catalog.regclass);\n", literal(&own(&lens.conflicts)));
        match self.authority {
            // `up_value` is null where the conversion failed, as in `derive_new`.
            Side::Old if self.is_lenient() => {
                let _ = writeln!(conflict, "{} := up_value;", self.fragment.n("NEW"));
            }
            Side::Old => conflict.push_str(&self.derive_new()),
            Side::New => conflict.push_str(&self.derive_old()),
        }
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

    /// N from O. While rows are being filled, a value that does not convert leaves N empty, so that no
    /// write of the old application fails because of a plan; the row is reported and closes the gate.
    /// After that nobody would fill it, so the error reaches the writer.
    fn derive_new(&self) -> String {
        let n = self.fragment.n("NEW");
        if self.is_lenient() {
            format!("{}{n} := up_value;\n", self.try_up())
        } else {
            format!("{n} := {};\n", self.fragment.up("NEW"))
        }
    }

    /// Whether a failed conversion leaves N empty. One that cannot fail needs no care either way.
    fn is_lenient(&self) -> bool {
        let open = self.fragment.standing == Standing::Lenient && self.authority == Side::Old;
        open && self.fragment.lens.up.can_fail
    }

    /// O from N. A value that the old side cannot hold is refused: to drop it would be silent.
    fn derive_old(&self) -> String {
        format!("{} := {};\n", self.fragment.o("NEW"), self.fragment.down("NEW"))
    }

    /// The same after `up_value` has held another value.
    fn derive_new_again(&self) -> String {
        let forget = if self.is_lenient() { "up_value := NULL;\n" } else { "" };
        format!("{forget}{}", self.derive_new())
    }

    fn try_up(&self) -> String {
        attempt("up_value", &self.fragment.up("NEW"), self.fragment.lens.up.can_fail, None)
    }

    /// The same, to be compared with a new column that may be null.
    fn try_up_flagged(&self) -> String {
        attempt("up_value", &self.fragment.up("NEW"), self.fragment.lens.up.can_fail, self.up_flag())
    }

    fn agrees_up(&self, row: &str) -> String {
        let same = self.fragment.lens.new.image.same(&self.fragment.n(row), "up_value");
        self.up_flag().map_or_else(|| same.clone(), |failed| format!("(NOT {failed} AND {same})"))
    }

    fn agrees_down(&self, row: &str) -> String {
        let same = self.fragment.lens.old.image.same(&self.fragment.o(row), "down_value");
        self.down_flag().map_or_else(|| same.clone(), |failed| format!("(NOT {failed} AND {same})"))
    }

    /// A failed conversion leaves null, and so must be told from one that gives null, where the column
    /// can hold it.
    fn up_flag(&self) -> Option<&'static str> {
        (self.fragment.lens.up.can_fail && !self.fragment.lens.new.not_null).then_some("up_failed")
    }

    fn down_flag(&self) -> Option<&'static str> {
        (self.fragment.lens.down.can_fail && !self.fragment.lens.old.not_null).then_some("down_failed")
    }
}

/// Assigns, and where the conversion can fail on a value, catches that and leaves the variable as it is.
///
/// The block with an exception handler is a subtransaction; a conversion that cannot fail goes without.
fn attempt(variable: &str, value: &str, can_fail: bool, flag: Option<&str>) -> String {
    if !can_fail {
        return format!("{variable} := {value};\n");
    }
    let handler = flag.map_or_else(|| "NULL;".to_owned(), |flag| format!("{flag} := true;"));
    format!("BEGIN\n  {variable} := {value};\nEXCEPTION WHEN {DATA_ERRORS} THEN\n  {handler}\nEND;\n")
}

fn indent(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    text.lines().map(|line| format!("{pad}{line}\n")).collect()
}
