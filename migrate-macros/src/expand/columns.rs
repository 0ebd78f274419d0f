//! The columns of both sides of a plan, as typed constants.

use migrate_plan::Stage;
use migrate_plan::declaration::{Column, Table};
use migrate_plan::types::{Base, Type};
use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};

use super::references::references;
use super::rust_name::RustNames;
use crate::place::Place;
use crate::source::{Source, TableSource};

/// One module for each table.
pub(super) fn tables(root: &Ident, source: &Source) -> TokenStream {
    let declaration = &source.declaration;
    let mut names = RustNames::default();
    let mut tokens = TokenStream::new();
    for (table, rest) in declaration.tables.iter().zip(&source.tables) {
        let twice = declaration.tables.iter().filter(|other| other.name.text == table.name.text).count() > 1;
        let module = match twice {
            true => names.unused(&format!("{}_{}", table.schema(), table.name.text), &table.name),
            false => names.of(&table.name),
        };
        let module = OneTable { root, source, table, rest }.module(&module);
        tokens.extend(module);
    }
    tokens
}

struct OneTable<'a> {
    root: &'a Ident,
    source: &'a Source,
    table: &'a Table<Place>,
    rest: &'a TableSource,
}

impl OneTable<'_> {
    fn module(&self, name: &Ident) -> TokenStream {
        let docs = &self.rest.docs;
        let about = format!("Columns of `{}.{}`.", self.table.schema(), self.table.name.text);
        let (old, new) = (self.old_side(), self.new_side());
        let references = references(self.table, self.source.declaration.stage);
        quote_spanned! {name.span()=>
            #docs
            #[doc = #about]
            pub mod #name { #old #new #references }
        }
    }

    /// The old columns: deprecated once the code is to use the new ones, and gone at the end.
    fn old_side(&self) -> TokenStream {
        let Source { declaration, stage_place, .. } = self.source;
        let (plan, stage) = (&declaration.name.text, declaration.stage);
        let mut names = RustNames::default();
        let mut new_names = RustNames::default();
        let mut items = TokenStream::new();
        let mut replaced = Vec::new();
        for (change, rest) in self.table.changes.iter().zip(&self.rest.changes) {
            let new = new_names.of(&change.new.name);
            let mark = match stage {
                Stage::DualWrite => TokenStream::new(),
                Stage::Switch => {
                    let note = format!("plan `{plan}` is at stage `switch`: use `new::{new}`");
                    quote!(#[deprecated(note = #note)])
                }
                Stage::Contract => {
                    replaced.push(format!("`new::{new}` replaces `{}`", change.old.name.text));
                    never(&format!("plan {plan} has retired it: use new::{new}"), stage_place.start)
                }
            };
            items.extend(self.column(&mut names, &change.old, &rest.docs, mark));
        }
        let about = match stage {
            Stage::DualWrite => "Columns as they were before the plan.",
            Stage::Switch => "Columns as they were before the plan; the code of this build uses the new ones.",
            Stage::Contract => "Empty: at stage `contract` the old columns are about to be dropped.",
        };
        let gone = (stage == Stage::Contract).then(|| {
            let note = format!("plan `{plan}` is at stage `contract`: {}", replaced.join(", "));
            quote!(#[deprecated(note = #note)])
        });
        quote! {
            #[doc = #about]
            #gone
            pub mod old { #items }
        }
    }

    fn new_side(&self) -> TokenStream {
        let mut names = RustNames::default();
        let mut items = TokenStream::new();
        for (change, rest) in self.table.changes.iter().zip(&self.rest.changes) {
            items.extend(self.column(&mut names, &change.new, &rest.docs, TokenStream::new()));
        }
        quote! {
            #[doc = "Columns as the plan makes them."]
            pub mod new { #items }
        }
    }

    fn column(
        &self,
        names: &mut RustNames,
        column: &Column<Place>,
        docs: &TokenStream,
        mark: TokenStream,
    ) -> TokenStream {
        let root = self.root;
        let name = names.of(&column.name);
        let (schema, table, text, sql) =
            (self.table.schema(), &self.table.name.text, &column.name.text, column.ty.to_string());
        let about = format!("`{text} {sql}{}`", if column.not_null { " not null" } else { "" });
        let marker = marker(root, &column.ty, column.not_null);
        quote_spanned! {name.span()=>
            #docs
            #[doc = #about]
            #mark
            pub const #name: #root::Column<#marker> = #root::Column::new(#schema, #table, #text, #sql);
        }
    }
}

/// A condition that never holds. The item is not there, but rustc knows of it: code that names it is told that it is
/// "gated behind the `…` feature", with this text for the feature, at this place.
///
/// Nothing else of stable Rust says both once and in words: an unsatisfied bound with `on_unimplemented` is followed by
/// errors about the type, and a private item is only called private.
fn never(reason: &str, place: Span) -> TokenStream {
    let mut text = Literal::string(reason);
    text.set_span(place);
    quote_spanned!(place=> #[cfg(feature = #text)])
}

/// The Rust type that stands for a column's SQL type.
fn marker(root: &Ident, ty: &Type, not_null: bool) -> TokenStream {
    let name = match ty.base {
        Base::Builtin(builtin) => format_ident!("{}", builtin.marker),
        Base::User { .. } => format_ident!("UserType"),
    };
    let mut marker = quote!(#root::types::#name);
    if ty.array {
        marker = quote!(#root::types::Array<#marker>);
    }
    if !not_null {
        marker = quote!(#root::types::Nullable<#marker>);
    }
    marker
}
