//! No conversion overflows, divides by zero or cuts off for a value that the declared columns can hold.

use super::Problem;
use super::reach::{beyond, in_a_plan, long, span, unit};
use crate::conversion;
use crate::conversion::trip::{Trip, follow};
use crate::declaration::{Change, Column, Table};
use crate::expr::{self, Expr, Kind, Operator};
use crate::range::{self, Decimal, Edge, Extent, Finding, Interval, Reaches, declared, fits, held};
use crate::types::{Category, Type};

/// Why a value that `up` cannot convert is a problem.
const WHY_UP: &str = "a row with such a value would not be converted: it is left unfilled and keeps the gate closed, \
                      and once all others are filled PostgreSQL refuses the write";

/// Why a value that `down` cannot convert is one.
const WHY_DOWN: &str =
    "`up` makes such a value, and a write of it by new code would fail: the old column cannot follow";

/// Both conversions of a change. `down` is looked at for what `up` can make.
pub(super) fn conversions<S: Clone>(table: &Table<S>, change: &Change<S>, problems: &mut Vec<Problem<S>>) {
    let (up, down) = conversion::effective(change);
    let before = problems.len();
    let old = (&change.old, declared(&change.old));
    let ascent = Side { table, from: old, to: &change.new, written: change.up.is_some(), ascent: None };
    let mut found = Vec::new();
    ascent.check(&up, &[], &mut found);
    problems.extend(found.into_iter().map(|(_, problem)| problem));
    if problems.len() > before {
        return;
    }
    // A row takes the same branch both ways where the condition is one on other columns.
    for assumed in assumptions(table, [&up, &down]) {
        let image = ascent.check(&up, &assumed, &mut Vec::new());
        let from = (&change.new, image);
        let written = change.down.is_some();
        let descent = Side { table, from, to: &change.old, written, ascent: Some((&ascent, &up, &assumed)) };
        let mut found = Vec::new();
        descent.check(&down, &assumed, &mut found);
        if !found.is_empty() && is_inverse(table, change, [&up, &down]) {
            // What undoes `up` step by step makes nothing that was not there, whatever intervals say of it.
            found.retain(|(what, _)| !matches!(what, What::TooLarge));
        }
        problems.extend(found.into_iter().map(|(_, problem)| problem));
        if problems.len() > before {
            return;
        }
    }
}

/// Whether the range of `down` says little: it is known to undo `up`, or both compute with another column.
fn is_inverse<S: Clone>(table: &Table<S>, change: &Change<S>, [up, down]: [&Expr<S>; 2]) -> bool {
    let shared = |column: &Column<S>| {
        let name = column.name.text.as_str();
        is_computed_with(up, name) && is_computed_with(down, name)
    };
    table.context.iter().any(shared) || follow(change) == Trip::Shown
}

/// Whether a column is part of the value, and not only of conditions.
fn is_computed_with<S>(expr: &Expr<S>, column: &str) -> bool {
    match &expr.kind {
        Kind::Column(name) => name == column,
        Kind::Case { arms, otherwise, .. } => {
            let values = arms.iter().map(|(_, then)| then).chain(otherwise.as_deref());
            values.into_iter().any(|value| is_computed_with(value, column))
        }
        _ => expr.children().into_iter().any(|child| is_computed_with(child, column)),
    }
}

/// What is wrong with a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// It is larger or longer than what holds it.
    TooLarge,
    /// It is none that can be computed with.
    Wrong,
}

/// Problems, and whether each is one of size.
type Found<S> = Vec<(What, Problem<S>)>;

/// So many conditions on other columns are told apart.
const CONDITIONS: usize = 4;

/// Every way in which the conditions on other columns can turn out.
fn assumptions<S>(table: &Table<S>, conversions: [&Expr<S>; 2]) -> Vec<Vec<(String, bool)>> {
    let mut conditions: Vec<String> = Vec::new();
    let of_context = |condition: &Expr<S>| {
        let columns = condition.columns();
        let context = |name: &&str| table.context.iter().any(|column| column.name.text == **name);
        !columns.is_empty() && columns.iter().all(context)
    };
    for conversion in conversions {
        conversion.walk(&mut |node| {
            let Kind::Case { operand: None, arms, .. } = &node.kind else { return };
            for (when, _) in arms.iter().filter(|(when, _)| of_context(when)) {
                let text = when.to_string();
                if !conditions.contains(&text) && conditions.len() < CONDITIONS {
                    conditions.push(text);
                }
            }
        });
    }
    let mut ways = vec![Vec::new()];
    for condition in conditions {
        let both = |way: Vec<(String, bool)>| {
            [true, false].map(|holds| way.iter().cloned().chain([(condition.clone(), holds)]).collect())
        };
        ways = ways.into_iter().flat_map(both).collect();
    }
    ways
}

/// One conversion: from a column with the values it can hold there, to another.
struct Side<'a, S> {
    table: &'a Table<S>,
    from: (&'a Column<S>, Extent),
    to: &'a Column<S>,
    /// Whether the plan says it, or leaves it to the types.
    written: bool,
    /// Of `down`: how the values come to be, under which conditions.
    ascent: Option<(&'a Side<'a, S>, &'a Expr<S>, &'a [(String, bool)])>,
}

impl<S: Clone> Side<'_, S> {
    /// Reports what does not fit; answers what the new column can hold.
    fn check(&self, expr: &Expr<S>, assumed: &[(String, bool)], found: &mut Found<S>) -> Extent {
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
    fn stored(&self, extent: Extent) -> Extent {
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
    fn analyse<'e>(
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
        range::of(expr, &columns, assumed)
    }

    fn type_of(&self, expr: &Expr<S>) -> Option<Type> {
        let (from, _) = &self.from;
        let columns = |name: &str| {
            let mut all = std::iter::once(*from).chain(&self.table.context);
            all.find(|column| column.name.text == name).map(|column| column.ty.clone())
        };
        expr::infer(expr, &columns, &mut Vec::new())
    }

    /// Where a problem stands: in the written conversion, or on the type where none is written.
    fn span_of(&self, node: &Expr<S>) -> S {
        if self.written { node.span.clone() } else { self.to.ty_span.clone() }
    }

    fn problem(&self, whole: &Expr<S>, finding: &Finding<'_, S>) -> Problem<S> {
        let node = finding.expr;
        let shown = shown(node);
        let problem = |message: String| Problem::new(self.span_of(node), message);
        match &finding.reaches {
            Reaches::Beyond(interval, ty) => {
                let all = held(&Type { modifiers: Vec::new(), ..ty.clone() }).number().unwrap_or(Interval::ALL);
                let wider = wider(interval);
                problem(format!(
                    "{shown} reaches {}, and `{ty}`, in which it is computed, holds {}",
                    beyond(interval, &all),
                    span(&all)
                ))
                .note(format!("PostgreSQL computes it as `{ty}`, whatever it is stored as; {}", self.why()))
                .help(self.or_bound(whole, node, wider.map(|ty| computed_in(node, ty))))
            }
            Reaches::BeyondCast(interval, ty) => {
                let all = held(ty).number().unwrap_or(Interval::ALL);
                let inner = node.children().first().map_or(shown.clone(), |inner| self::shown(inner));
                let same = std::ptr::eq(node, whole) && ty == &self.to.ty;
                let rounded = match is_whole(ty) {
                    true => interval.rounded(0, range::Rounding::HalfAway),
                    false => *interval,
                };
                let name = &self.to.name.text;
                let way = match (wider(&rounded), same && self.ascent.is_none()) {
                    (Some(wider), true) if self.written => Some(format!("declare `{name}: {wider}`, and cast to that")),
                    (Some(wider), true) => Some(format!("declare `{name}: {wider}`")),
                    (Some(wider), false) if !same => Some(format!("cast to `{wider}`")),
                    _ => None,
                };
                problem(format!("{inner} reaches {}, and `{ty}` holds {}", beyond(interval, &all), span(&all)))
                    .note(self.why())
                    .help(self.or_bound(whole, node, way))
            }
            Reaches::Cut(length, ty) => {
                let inner = node.children().first().map_or(shown.clone(), |inner| self::shown(inner));
                problem(format!("`{ty}` cuts off the end of {inner} without a word: it has {}", long(length, None)))
                    .note(
                        "an explicit cast cuts, where storing the value would be refused; nobody is told what was lost",
                    )
                    .help(
                        self.or_bound(
                            whole,
                            node,
                            Some(
                                "leave the cast out, or cut where it can be seen, with `left(…)` and the word `lossy`"
                                    .to_owned(),
                            ),
                        ),
                    )
            }
            Reaches::Zero => {
                let bound = self.columns_without_bound(node).first().map(|column| {
                    format!(", or say that it never is: `{}: {} between 1 and …`", column.name.text, column.ty)
                });
                problem(format!("{shown} can be 0, and a division by it fails")).note(self.why()).help(format!(
                    "divide by `nullif({}, 0)`{}",
                    bare(node),
                    bound.unwrap_or_default()
                ))
            }
            Reaches::Outside(interval, function, takes) => {
                problem(format!("`{function}` takes {takes}, and {shown} reaches {}", span(interval)))
                    .note(self.why())
                    .help(self.or_bound(whole, node, None))
            }
        }
    }

    /// The value as a whole, stored in the column.
    fn does_not_fit(&self, expr: &Expr<S>, extent: Extent) -> Problem<S> {
        let (name, ty) = (&self.to.name.text, &self.to.ty);
        let shown = if self.written { shown(expr) } else { format!("`{}`", self.from.0.name.text) };
        let span_here = self.span_of(expr);
        match (extent, held(ty)) {
            (Extent::Number(interval), Extent::Number(all)) => {
                let way = column_for(&interval, ty).map(|wider| format!("declare `{name}: {wider}`"));
                let way = way.filter(|_| self.ascent.is_none());
                Problem::new(
                    span_here,
                    format!("{shown} reaches {}, and `{name}: {ty}` holds {}", beyond(&interval, &all), span(&all)),
                )
                .note(self.why())
                .help(self.or_bound(expr, expr, way))
            }
            (Extent::Length(interval), all) => {
                let most = all.length().map_or(String::new(), |all| long(&all, Some(ty)));
                let way = match ty.category() {
                    Category::Text => format!("declare `{name}: text`"),
                    Category::Bits => format!("declare `{name}: bit varying`"),
                    _ => format!("declare `{name}` longer"),
                };
                let way = Some(way).filter(|_| self.ascent.is_none());
                Problem::new(
                    span_here,
                    format!(
                        "{shown} has {}, and `{name}: {ty}` takes {}",
                        long(&interval, self.type_of(expr).as_ref()),
                        most.trim_start_matches("up to ")
                    ),
                )
                .note(self.why())
                .help(self.or_bound(expr, expr, way))
            }
            _ => Problem::new(span_here, format!("{shown} does not fit `{name}`")),
        }
    }

    fn why(&self) -> &'static str {
        if self.ascent.is_some() { WHY_DOWN } else { WHY_UP }
    }

    /// Columns that a node reads and whose values nobody has bounded. The new column has those of the old one.
    fn columns_without_bound(&self, node: &Expr<S>) -> Vec<&Column<S>> {
        let mut names = node.columns();
        let mut from = self.from.0;
        if let Some((ascent, up, _)) = self.ascent
            && names.contains(&from.name.text.as_str())
        {
            from = ascent.from.0;
            names.extend(up.columns());
        }
        let all = std::iter::once(from).chain(&self.table.context);
        all.filter(|column| names.contains(&column.name.text.as_str()) && column.bound.is_none()).collect()
    }

    /// A way out, and the bound under which none is needed.
    fn or_bound(&self, whole: &Expr<S>, node: &Expr<S>, way: Option<String>) -> String {
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
            (None, None) => match self.ascent {
                Some((ascent, ..)) => format!(
                    "keep it in bounds, as with `least(…, …)`, or say how large `{}` is with `between … and …`",
                    ascent.from.0.name.text
                ),
                None => "declare the new column wider, or narrow the bound of the old one".to_owned(),
            },
        }
    }

    /// The widest round bound of a column under which nothing goes wrong.
    fn bound_for(&self, whole: &Expr<S>, column: &Column<S>) -> Option<String> {
        let passes = |extent: Extent| {
            let narrowed = Some((column.name.text.as_str(), extent));
            let Some((ascent, up, assumed)) = self.ascent else {
                let (result, findings) = self.analyse(whole, narrowed, &[]);
                return findings.is_empty() && fits(result, &self.to.ty);
            };
            let (image, findings) = ascent.analyse(up, narrowed, assumed);
            let from = (self.from.0, ascent.stored(image));
            let descent = Side { table: self.table, from, to: self.to, written: self.written, ascent: None };
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

/// A node as it was written, where that is short enough to be quoted.
fn shown<S>(expr: &Expr<S>) -> String {
    let text = bare(expr);
    if text.chars().count() <= 60 { format!("`{text}`") } else { "this".to_owned() }
}

fn bare<S>(expr: &Expr<S>) -> String {
    expr::written(&expr.to_string())
}

/// The narrowest type that holds a range.
fn wider(interval: &Interval) -> Option<&'static str> {
    let holds = |name: &str| held(&Type::named(name)).number().is_some_and(|all| interval.is_within(&all));
    let whole = interval.scale == Some(0);
    match ["integer", "bigint"].into_iter().find(|name| whole && holds(name)) {
        Some(name) => Some(name),
        None => Some("numeric"),
    }
}

/// The narrowest type for a column that is to be `ty` and must hold a range.
fn column_for(interval: &Interval, ty: &Type) -> Option<String> {
    let scale = ty.modifiers.get(1).and_then(|text| text.parse::<i32>().ok());
    match (scale, interval.abs().high) {
        (Some(scale), Edge::At(most)) if most.magnitude() + scale <= 1000 => {
            let most = most.rounded(scale, range::Rounding::HalfAway).unwrap_or(most);
            Some(format!("numeric({}, {scale})", most.magnitude() + scale))
        }
        _ => wider(interval).map(str::to_owned),
    }
}

/// How to have a node computed in a wider type.
fn computed_in<S>(node: &Expr<S>, ty: &str) -> String {
    let cast = |operand: &Expr<S>| match &operand.kind {
        Kind::Column(_) | Kind::Call(..) | Kind::Cast(..) => format!("{}::{ty}", bare(operand)),
        _ => format!("({})::{ty}", bare(operand)),
    };
    let text = match &node.kind {
        Kind::Binary(a, Operator::Symbol(symbol), b) => {
            // A constant is as wide as what stands beside it.
            let (left, right) = match (&a.kind, &b.kind) {
                (Kind::Number(_), _) => (bare(a), cast(b)),
                _ => (cast(a), bare(b)),
            };
            Some(format!("{left} {symbol} {right}"))
        }
        Kind::Prefix(symbol, inner) => Some(format!("{symbol}{}", cast(inner))),
        Kind::Call(function, arguments) => match arguments.as_slice() {
            [argument] => Some(format!("{}({})", function.name, cast(argument))),
            _ => None,
        },
        _ => None,
    };
    match text.filter(|text| text.chars().count() <= 80) {
        Some(text) => format!("compute it as `{ty}`: `{text}`"),
        None => format!("cast its operands to `{ty}` first"),
    }
}

fn is_whole(ty: &Type) -> bool {
    ty.builtin().is_some_and(|builtin| builtin.integer_rank().is_some())
}
