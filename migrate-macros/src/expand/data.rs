//! A plan as the body of a `static`.
//!
//! Every name comes from the root crate's `__private`: `B` is `Cow::Borrowed`, and the variants of
//! enumerations stand without their type; only `Stage` has names that `Phase` has too.

use migrate_plan::lens::{Context, Conversion, Lens, Shape};
use migrate_plan::plan::{Bounded, Declared, Routine, Table};
use migrate_plan::types::Image;
use migrate_plan::{Held, List, Lock, LockMode, Phase, Plan, Side, Step, SyncChange, Text, Work};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

/// The body of a `static` that is this plan.
pub(super) fn plan(plan: &Plan) -> TokenStream {
    let Plan { name, stage, declaration, functions, tables, steps } = plan;
    let locks = distinct_locks(steps);
    let constants = locks.iter().enumerate().map(|(place, locks)| {
        let (name, locks) = (lock_name(place), locks.bake());
        quote!(const #name: List<Lock> = #locks;)
    });
    let steps = steps.iter().map(|each| step(each, &locks));
    let stage = format_ident!("{stage:?}");
    let (name, declaration) = (name.bake(), declaration.bake());
    let (functions, tables) = (functions.bake(), tables.bake());
    quote! {
        #(#constants)*
        Plan {
            name: #name, stage: Stage::#stage, declaration: #declaration, functions: #functions, tables: #tables,
            steps: B(&[#(#steps),*])
        }
    }
}

fn step(step: &Step, distinct: &[&List<Lock>]) -> TokenStream {
    let Step { phase, name, summary, work, undo, locks, probe } = step;
    let (phase, name, summary) = (phase.bake(), name.bake(), summary.bake());
    let (work, undo, probe) = (work.bake(), undo.bake(), probe.bake());
    let locks = lock_name(distinct.iter().position(|other| *other == locks).unwrap_or_default());
    quote! {
        Step { phase: #phase, name: #name, summary: #summary, work: #work, undo: #undo, locks: #locks, probe: #probe }
    }
}

/// Many steps take the same locks: each such list is written once.
fn distinct_locks(steps: &[Step]) -> Vec<&List<Lock>> {
    let mut distinct = Vec::new();
    for step in steps {
        if !distinct.contains(&&step.locks) {
            distinct.push(&step.locks);
        }
    }
    distinct
}

fn lock_name(place: usize) -> Ident {
    format_ident!("L{place}")
}

/// What can be written as a constant expression.
trait Bake {
    fn bake(&self) -> TokenStream;
}

/// A structure by its fields. A field that is forgotten here does not compile.
macro_rules! bake_fields {
    ($($name:ident { $($field:ident),* })*) => {$(
        impl Bake for $name {
            fn bake(&self) -> TokenStream {
                let $name { $($field),* } = self;
                $(let $field = $field.bake();)*
                quote!($name { $($field: #$field),* })
            }
        }
    )*};
}

bake_fields! {
    Routine { schema, name, arguments, result, strict }
    Table { schema, name, columns, lenses, bounds }
    Bounded { column, bound, outside }
    Declared { name, ty, not_null, default }
    Lens { old, new, context, up, down, conflicts }
    Shape { column, ty, image, not_null, default }
    Context { column, image }
    Conversion { function, expression, arguments, can_fail }
    Lock { table, mode, held }
}

/// An enumeration without data: the variant, by the name that `Debug` gives it.
macro_rules! bake_variants {
    ($($name:ident)*) => {$(
        impl Bake for $name {
            fn bake(&self) -> TokenStream {
                let variant = format_ident!("{self:?}");
                quote!(#variant)
            }
        }
    )*};
}

bake_variants! { Phase Side SyncChange LockMode Held }

impl Bake for Work {
    fn bake(&self) -> TokenStream {
        match self {
            Work::Nothing => quote!(Nothing),
            Work::Transaction { table, lock, sync, statements } => {
                let (table, lock, sync, statements) = (table.bake(), lock.bake(), sync.bake(), statements.bake());
                quote!(Transaction { table: #table, lock: #lock, sync: #sync, statements: #statements })
            }
            Work::Statement(sql) => {
                let sql = sql.bake();
                quote!(Statement(#sql))
            }
            Work::Backfill { table } => {
                let table = table.bake();
                quote!(Backfill { table: #table })
            }
            Work::Verify { table } => {
                let table = table.bake();
                quote!(Verify { table: #table })
            }
            Work::Authority(side) => {
                let side = side.bake();
                quote!(Authority(#side))
            }
        }
    }
}

impl Bake for Image {
    fn bake(&self) -> TokenStream {
        match self {
            Image::Plain => quote!(Plain),
            Image::Collated => quote!(Collated),
            Image::Text => quote!(Text),
            Image::Send(function) => quote!(Send(#function)),
        }
    }
}

impl Bake for Text {
    fn bake(&self) -> TokenStream {
        let text = Literal::string(self);
        quote!(B(#text))
    }
}

impl<T: Bake + Clone> Bake for List<T> {
    fn bake(&self) -> TokenStream {
        let items = self.iter().map(Bake::bake);
        quote!(B(&[#(#items),*]))
    }
}

impl<T: Bake> Bake for Option<T> {
    fn bake(&self) -> TokenStream {
        match self {
            Some(value) => {
                let value = value.bake();
                quote!(Some(#value))
            }
            None => quote!(None),
        }
    }
}

impl Bake for bool {
    fn bake(&self) -> TokenStream {
        quote!(#self)
    }
}

impl Bake for usize {
    fn bake(&self) -> TokenStream {
        let number = Literal::usize_unsuffixed(*self);
        quote!(#number)
    }
}
