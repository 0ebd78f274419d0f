//! A lens: one column in two shapes, and how each is made from the other.
//!
//! The word is that of bidirectional programming: a pair of functions under which two views of the
//! same thing can both be written.

use crate::ident::own;
use crate::plan::Text;
use crate::types::Image;

/// One changed column.
#[derive(Clone, Debug, PartialEq)]
pub struct Lens {
    /// The column before.
    pub old: Shape,
    /// The column after.
    pub new: Shape,
    /// The other columns that `up` or `down` read.
    pub context: Vec<Context>,
    /// New from old.
    pub up: Conversion,
    /// Old from new.
    pub down: Conversion,
    /// Whether `down(up(x))` is `x` for whatever the old column may hold.
    pub comes_back: bool,
    /// The sequence in the library's schema that counts conflicts.
    pub conflicts: Text,
}

/// One side of a lens.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// The column.
    pub column: Text,
    /// Its type as SQL, safe under any `search_path`.
    pub ty: Text,
    /// The same without modifiers, as a function takes and gives it.
    pub base: Text,
    /// How its values are told apart.
    pub image: Image,
    /// Whether it is, or is to become, `NOT NULL`.
    pub not_null: bool,
    /// Its default as SQL.
    pub default: Option<Text>,
}

/// A column that a conversion reads beside its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    /// The column.
    pub column: Text,
    /// Its type without modifiers, as a function takes it.
    pub base: Text,
    /// How its values are told apart.
    pub image: Image,
}

/// A conversion, as a function of the library's schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    /// The function.
    pub function: Text,
    /// What it computes, as SQL over the columns it takes.
    pub expression: Text,
    /// The columns it takes, the converted one first where it reads it.
    pub arguments: Vec<Text>,
    /// Whether it can raise an error for some value.
    pub can_fail: bool,
}

impl Conversion {
    /// A call with the columns of `row`, which is `NEW`, `OLD` or nothing; `rename` gives the live
    /// name of a column.
    pub(crate) fn call(&self, row: &str, rename: &dyn Fn(&str) -> String) -> String {
        let arguments: Vec<String> = self.arguments.iter().map(|column| field(row, &rename(column))).collect();
        format!("{}({})", own(&self.function), arguments.join(", "))
    }
}

/// A column of a row variable, or of the table at hand where `row` is empty.
pub(crate) fn field(row: &str, column: &str) -> String {
    let column = crate::ident::quote(column);
    if row.is_empty() { column } else { format!("{row}.{column}") }
}
