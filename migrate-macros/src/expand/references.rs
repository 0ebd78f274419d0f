//! The columns that conversions read, as uses of the columns' items, so that editors follow and rename them there too.

use migrate_plan::Stage;
use migrate_plan::declaration::{Column, Table};
use migrate_plan::expr::{Expr, Kind};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::rust_name::RustNames;
use crate::place::Place;

/// A constant that is nothing and names each of them; none where no conversion reads its own column. The old columns
/// are named at `dual_write` only: later they are deprecated, and then gone.
pub(super) fn references(table: &Table<Place>, stage: Stage) -> Option<TokenStream> {
    let (mut olds, mut news) = (RustNames::default(), RustNames::default());
    let mut uses: Vec<TokenStream> = Vec::new();
    for change in &table.changes {
        let (old, new) = (olds.of(&change.old.name), news.of(&change.new.name));
        if let Some(up) = change.up.as_ref().filter(|_| stage == Stage::DualWrite) {
            uses.extend(tokens(up, &change.old, &old).map(|column| quote!(old::#column)));
        }
        if let Some(down) = &change.down {
            uses.extend(tokens(down, &change.new, &new).map(|column| quote!(new::#column)));
        }
    }
    (!uses.is_empty()).then(|| quote!(const _: () = { let _ = (#(#uses,)*); };))
}

/// The item's name at each token of the expression that is this column's name; `col("…")` is no such token.
fn tokens(expression: &Expr<Place>, column: &Column<Place>, item: &Ident) -> impl Iterator<Item = Ident> {
    let name = &column.name.text;
    let mut found = Vec::new();
    expression.walk(&mut |node| {
        let first = node.span.start;
        let is_column = matches!(&node.kind, Kind::Column(other) if other == name) && *item == **name;
        // Where the source can be seen, and it is another token that names the column, there is nothing to follow.
        if is_column && first.source_text().is_none_or(|text| text == *name) {
            found.push(Ident::new(name, first));
        }
    });
    found.into_iter()
}
