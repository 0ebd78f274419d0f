//! The way out of a range that does not fit: another type, or a bound.

use super::super::reach::{in_a_plan, unit};
use super::side::{Ascent, Side};
use crate::declaration::Column;
use crate::expr::Expr;
use crate::range::{Decimal, Edge, Extent, Interval, declared, fits, held};

impl<S: Clone> Side<'_, S> {
    /// Columns that a node reads and whose values nobody has bounded. The new column has those of the old one.
    pub(super) fn columns_without_bound(&self, node: &Expr<S>) -> Vec<&Column<S>> {
        let mut names = node.columns();
        let mut from = self.from.0;
        if let Some(ascent) = &self.ascent
            && names.contains(&from.name.text.as_str())
        {
            from = ascent.side.from.0;
            names.extend(ascent.up.columns());
        }
        let all = std::iter::once(from).chain(&self.table.context);
        all.filter(|column| names.contains(&column.name.text.as_str()) && column.bound.is_none()).collect()
    }

    /// A way out, and the bound under which none is needed.
    pub(super) fn or_bound(&self, whole: &Expr<S>, node: &Expr<S>, way: Option<String>) -> String {
        let columns = self.columns_without_bound(node);
        let bound = match columns[..] {
            [column] => self.bound_for(whole, column),
            _ => None,
        };
        let several = (columns.len() > 1).then(|| {
            let names: Vec<String> = columns.iter().map(|column| format!("`{}`", column.name.text)).collect();
            format!("bound {} with `between … and …`", names.join(" and "))
        });
        match (way, bound.or(several)) {
            (Some(way), Some(bound)) => format!("{way}; or {bound}"),
            (Some(way), None) => way,
            (None, Some(bound)) => bound,
            (None, None) => match &self.ascent {
                Some(ascent) => format!(
                    "keep it in bounds, as with `least(…, …)`, or say how large `{}` is with `between … and …`",
                    ascent.side.from.0.name.text
                ),
                None => "declare the new column wider, or narrow the bound of the old one".to_owned(),
            },
        }
    }

    /// The widest round bound of a column under which nothing goes wrong.
    pub(super) fn bound_for(&self, whole: &Expr<S>, column: &Column<S>) -> Option<String> {
        let passes = |extent: Extent| {
            let narrowed = Some((column.name.text.as_str(), extent));
            let Some(Ascent { side: ascent, up, assumed }) = &self.ascent else {
                let (result, findings) = self.analyse(whole, narrowed, &[]);
                return findings.is_empty() && fits(result, &self.to.ty);
            };
            let (image, findings) = ascent.analyse(up, narrowed, assumed);
            let from = (self.from.0, ascent.stored(image));
            let descent =
                Side { table: self.table, from, to: self.to, written: self.written, typing: self.typing, ascent: None };
            let (result, more) = descent.analyse(whole, narrowed, assumed);
            findings.is_empty() && more.is_empty() && fits(result, &self.to.ty)
        };
        let (name, ty) = (&column.name.text, &column.ty);
        match declared(column) {
            Extent::Number(all) => {
                let ends = (0..=36).rev().flat_map(|power| [5, 2, 1].map(|lead| (lead, power)));
                for (lead, power) in ends {
                    let high = Decimal::power_of_ten(power).times(Decimal::new(lead, 0))?;
                    for low in [Decimal::ZERO, Decimal::ONE] {
                        let within = all.meet(&Interval::new(low, high, None))?;
                        if within.high == Edge::At(high) && passes(Extent::Number(within)) {
                            let (low, high) = (in_a_plan(low), in_a_plan(high));
                            return Some(format!("say how large it is: `{name}: {ty} between {low} and {high}`"));
                        }
                    }
                }
                None
            }
            Extent::Length(all) => {
                let most = held(&self.to.ty).length().and_then(|most| match most.high {
                    Edge::At(high) => high.whole(),
                    _ => None,
                })?;
                let high = (1..=most.min(2000)).rev().find(|most| {
                    let within = all.meet(&Interval::whole(0, *most));
                    within.is_some_and(|within| passes(Extent::Length(within)))
                })?;
                let unit = unit(Some(ty));
                Some(format!("say how many {unit} it has: `{name}: {ty} length between 0 and {high}`"))
            }
            _ => None,
        }
    }
}
