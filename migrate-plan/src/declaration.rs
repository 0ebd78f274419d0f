//! What a user declares, parsed but not yet planned.
//!
//! Everything carries the span `S` of the token it came from, so that a rule can point at it.

use std::fmt::{self, Write};

use crate::expr::{Expr, Signature};
use crate::ident::Qualified;
use crate::plan::Stage;
use crate::types::Type;

/// A name and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name<S> {
    /// The name as PostgreSQL will see it.
    pub text: String,
    /// Where it stands.
    pub span: S,
}

/// One plan.
#[derive(Clone, Debug)]
pub struct Declaration<S> {
    /// Its name.
    pub name: Name<S>,
    /// The stage of the build.
    pub stage: Stage,
    /// The functions of the user's own that its conversions call.
    pub functions: Vec<ExternFn<S>>,
    /// Whether a function was declared that could not be read: then no function is missing for certain.
    pub lost_function: bool,
    /// What it changes, table by table.
    pub tables: Vec<Table<S>>,
}

/// `extern fn app.f(text) -> integer immutable strict;`
#[derive(Clone, Debug)]
pub struct ExternFn<S> {
    /// Where its name stands, with the schema.
    pub span: S,
    /// What it takes and gives.
    pub signature: Signature,
}

/// The changes of one table.
#[derive(Clone, Debug)]
pub struct Table<S> {
    /// The schema, where it was written; `public` otherwise.
    pub schema: Option<Name<S>>,
    /// The table.
    pub name: Name<S>,
    /// Columns that conversions may read beside the one they convert.
    pub context: Vec<Column<S>>,
    /// The replaced columns.
    pub changes: Vec<Change<S>>,
}

/// A declared column.
#[derive(Clone, Debug)]
pub struct Column<S> {
    /// Its name.
    pub name: Name<S>,
    /// Its type.
    pub ty: Type,
    /// Where the type stands.
    pub ty_span: S,
    /// Whether `not null` stands there.
    pub not_null: bool,
    /// What follows `default`.
    pub default: Option<Expr<S>>,
    /// `between … and …`, `length between … and …`
    pub bound: Option<Bound<S>>,
}

/// What the values of a column are said to lie between, both ends included.
#[derive(Clone, Debug)]
pub struct Bound<S> {
    /// Where it stands.
    pub span: S,
    /// What of the value is bounded.
    pub measure: Measure,
    /// The least.
    pub low: Expr<S>,
    /// The greatest.
    pub high: Expr<S>,
}

/// What of a value a bound is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// The value itself.
    Value,
    /// Its length.
    Length,
}

/// `old => new { up …; down …; }`
#[derive(Clone, Debug)]
pub struct Change<S> {
    /// The column as it is.
    pub old: Column<S>,
    /// The column that replaces it.
    pub new: Column<S>,
    /// New from old.
    pub up: Option<Expr<S>>,
    /// Old from new.
    pub down: Option<Expr<S>>,
    /// `lossy "…"`: what does not come back.
    pub lossy: Option<Lossy<S>>,
}

/// The word that a conversion does not bring every value back, and why that is well.
#[derive(Clone, Debug)]
pub struct Lossy<S> {
    /// Where it stands.
    pub span: S,
    /// The reason, for people.
    pub reason: String,
}

impl<S> Table<S> {
    /// The schema's name.
    pub fn schema(&self) -> &str {
        self.schema.as_ref().map_or("public", |schema| &schema.text)
    }

    /// The table's qualified name.
    pub fn qualified(&self) -> Qualified<'_> {
        Qualified { schema: self.schema(), name: &self.name.text }
    }
}

impl<S> Declaration<S> {
    /// What its functions take and give.
    pub fn signatures(&self) -> Vec<Signature> {
        self.functions.iter().map(|function| function.signature.clone()).collect()
    }

    /// The declaration in a form of its own: a plan keeps it while comments, spacing and stage change.
    pub fn canonical(&self) -> String {
        let mut text = format!("plan {}\n", self.name.text);
        for function in &self.functions {
            let _ = writeln!(text, "extern fn {}", function.signature);
        }
        for table in &self.tables {
            let _ = writeln!(text, "table {}", table.qualified());
            for column in &table.context {
                let _ = writeln!(text, "  reads {}", column.canonical());
            }
            for change in &table.changes {
                let _ = writeln!(text, "  {} => {}", change.old.canonical(), change.new.canonical());
                for (word, expr) in [("up", &change.up), ("down", &change.down)] {
                    if let Some(expr) = expr {
                        let _ = writeln!(text, "    {word} {expr}");
                    }
                }
                if change.lossy.is_some() {
                    text.push_str("    lossy\n");
                }
            }
        }
        text
    }
}

impl<S> Column<S> {
    fn canonical(&self) -> String {
        let mut text = format!("{} {}", self.name.text, self.ty);
        if self.not_null {
            text.push_str(" not null");
        }
        if let Some(default) = &self.default {
            let _ = write!(text, " default {default}");
        }
        if let Some(bound) = &self.bound {
            let _ = write!(text, " {bound}");
        }
        text
    }
}

/// As it is declared, with the constants as SQL prints them.
impl<S> fmt::Display for Bound<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = if self.measure == Measure::Length { "length " } else { "" };
        write!(f, "{length}between {} and {}", self.low, self.high)
    }
}
