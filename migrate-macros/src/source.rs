//! What `plan!` was given: the declaration, and what only Rust needs to know of it.

use migrate_plan::declaration::{Change, Column, Declaration};
use migrate_plan::expr::{Expr, Function, Kind};
use migrate_plan::types::Type;
use proc_macro2::{Ident, TokenStream};

use crate::place::Place;

/// One call of `plan!`, parsed.
pub(crate) struct Source {
    /// Doc comments and other attributes of the module.
    pub(crate) attributes: TokenStream,
    /// The module's visibility.
    pub(crate) visibility: TokenStream,
    /// The module's name as it was written, raw or not.
    pub(crate) module: Ident,
    /// The plan, as far as it could be read.
    pub(crate) declaration: Declaration<Place>,
    /// What goes with each table of the declaration.
    pub(crate) tables: Vec<TableSource>,
    /// Whether some table was written that could not be read.
    pub(crate) lost_table: bool,
}

/// What goes with a table.
pub(crate) struct TableSource {
    /// Its doc comments.
    pub(crate) docs: TokenStream,
    /// What goes with each of its changes.
    pub(crate) changes: Vec<ChangeSource>,
    /// Whether some change was written that could not be read.
    pub(crate) lost_change: bool,
}

/// What goes with a change.
pub(crate) struct ChangeSource {
    /// Its doc comments.
    pub(crate) docs: TokenStream,
    /// Whether some part of its columns could not be read.
    pub(crate) flawed: bool,
    /// Whether an `up` was written that could not be read.
    pub(crate) lost_up: bool,
    /// Whether a `down` was written that could not be read.
    pub(crate) lost_down: bool,
}

impl Source {
    /// The part of the declaration that rules can be held against without echoes of the errors that
    /// were reported already.
    pub(crate) fn sound(&self) -> Option<Declaration<Place>> {
        let mut declaration = self.declaration.clone();
        for (table, source) in declaration.tables.iter_mut().zip(&self.tables) {
            for (change, source) in table.changes.iter_mut().zip(&source.changes) {
                if source.flawed {
                    names_only(change);
                } else if source.lost_up || source.lost_down {
                    without_lost(change, source);
                }
            }
        }
        let mut sources = self.tables.iter();
        let lost_all = |source: Option<&TableSource>| source.is_some_and(|s| s.lost_change && s.changes.is_empty());
        declaration.tables.retain(|_| !lost_all(sources.next()));
        let lost = self.lost_table || declaration.tables.len() < self.tables.len();
        (!declaration.tables.is_empty() || !lost).then_some(declaration)
    }
}

/// Puts something of which nothing follows where a conversion could not be read.
fn without_lost(change: &mut Change<Place>, source: &ChangeSource) {
    let unknown = |from: &Column<Place>| {
        let function = Function { schema: Some(String::new()), name: String::new() };
        let argument = Expr { span: from.name.span, kind: Kind::Column(from.name.text.clone()) };
        Some(Expr { span: from.name.span, kind: Kind::Call(function, vec![argument]) })
    };
    if source.lost_up {
        change.up = unknown(&change.old);
    }
    if source.lost_down {
        change.down = unknown(&change.new);
    }
    for column in [&mut change.old, &mut change.new] {
        column.not_null = true;
    }
    change.new.default = None;
}

/// Leaves of a change what is true of its names.
fn names_only(change: &mut Change<Place>) {
    let plain = |column: &mut Column<Place>| {
        column.ty = Type::named("integer");
        column.not_null = true;
        column.default = None;
        column.bound = None;
    };
    plain(&mut change.old);
    plain(&mut change.new);
    change.up = None;
    change.down = None;
    change.lossy = None;
}
