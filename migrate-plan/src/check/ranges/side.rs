//! One conversion of a change, and what its values lie between.

use std::cell::OnceCell;

use super::{Found, What};
use crate::declaration::{Column, Table};
use crate::expr::{self, Expr, Typing};
use crate::range::{self, Extent, Finding, Reaches, declared, fits, held};
use crate::types::Type;

/// One conversion: from a column with the values it can hold there, to another.
pub(super) struct Side<'a, S> {
    pub(super) table: &'a Table<S>,
    pub(super) from: (&'a Column<S>, Extent),
    pub(super) to: &'a Column<S>,
    /// Whether the plan says it, or leaves it to the types.
    pub(super) written: bool,
    /// The types of the conversion, once they were asked for.
    pub(super) typing: &'a OnceCell<Typing>,
    /// Of `down`: how the values come to be.
    pub(super) ascent: Option<Ascent<'a, S>>,
}

/// `up`, and the conditions on other columns under which it is looked at.
pub(super) struct Ascent<'a, S> {
    pub(super) side: &'a Side<'a, S>,
    pub(super) up: &'a Expr<S>,
    pub(super) assumed: &'a [(String, bool)],
}

impl<S: Clone> Side<'_, S> {
    /// Reports what does not fit; answers what the new column can hold.
    pub(super) fn check(&self, expr: &Expr<S>, assumed: &[(String, bool)], found: &mut Found<S>) -> Extent {
        let (extent, findings) = self.analyse(expr, None, assumed);
        for finding in &findings {
            let what = match finding.reaches {
                Reaches::Beyond(..) | Reaches::BeyondCast(..) | Reaches::Cut(..) => What::TooLarge,
                Reaches::Zero | Reaches::Outside(..) => What::Wrong,
            };
            found.push((what, self.problem(expr, finding)));
        }
        if findings.is_empty() && !fits(extent, &self.to.ty) {
            found.push((What::TooLarge, self.does_not_fit(expr, extent)));
        }
        self.stored(extent)
    }

    /// What the column holds of such values.
    pub(super) fn stored(&self, extent: Extent) -> Extent {
        match (extent, held(&self.to.ty)) {
            (Extent::Number(interval), Extent::Number(all)) => {
                interval.meet(&all).map_or(Extent::Unknown, Extent::Number)
            }
            (Extent::Length(interval), Extent::Length(all)) => {
                interval.meet(&all).map_or(Extent::Unknown, Extent::Length)
            }
            (Extent::Null, _) => Extent::Unknown,
            (other, _) => other,
        }
    }

    /// The range of an expression, with one column narrowed where that is asked for.
    pub(super) fn analyse<'e>(
        &self,
        expr: &'e Expr<S>,
        narrowed: Option<(&str, Extent)>,
        assumed: &[(String, bool)],
    ) -> (Extent, Vec<Finding<'e, S>>) {
        let columns = |name: &str| {
            let (from, extent) = &self.from;
            let (ty, extent) = if from.name.text == name {
                (from.ty.clone(), *extent)
            } else {
                let column = self.table.context.iter().find(|column| column.name.text == name)?;
                (column.ty.clone(), declared(column))
            };
            let narrower = narrowed.filter(|(column, _)| *column == name).map(|(_, extent)| extent);
            Some((ty, narrower.unwrap_or(extent)))
        };
        let typing = self.typing.get_or_init(|| range::typed(expr, &columns));
        range::of(expr, typing, &columns, assumed)
    }

    pub(super) fn type_of(&self, expr: &Expr<S>) -> Option<Type> {
        let (from, _) = &self.from;
        let columns = |name: &str| {
            let mut all = std::iter::once(*from).chain(&self.table.context);
            all.find(|column| column.name.text == name).map(|column| column.ty.clone())
        };
        expr::infer(expr, &columns, &mut Vec::new())
    }

    /// Where a problem stands: in the written conversion, or on the type where none is written.
    pub(super) fn span_of(&self, node: &Expr<S>) -> S {
        if self.written { node.span.clone() } else { self.to.ty_span.clone() }
    }
}
