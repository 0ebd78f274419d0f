//! What is wrong with a range, in words.

use super::super::Problem;
use super::super::reach::{beyond, long, span};
use super::side::Side;
use crate::expr::{self, Expr, Kind, Operator};
use crate::range::{Edge, Extent, Finding, Interval, Reaches, Rounding, held};
use crate::types::{Category, Type};

/// Why a value that `up` cannot convert is a problem.
const WHY_UP: &str = "a row with such a value would not be converted: it is left unfilled and keeps the gate closed, \
                      and once all others are filled PostgreSQL refuses the write";

/// Why a value that `down` cannot convert is one.
const WHY_DOWN: &str =
    "`up` makes such a value, and a write of it by new code would fail: the old column cannot follow";

impl<S: Clone> Side<'_, S> {
    pub(super) fn problem(&self, whole: &Expr<S>, finding: &Finding<'_, S>) -> Problem<S> {
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
                    true => interval.rounded(0, Rounding::HalfAway),
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
    pub(super) fn does_not_fit(&self, expr: &Expr<S>, extent: Extent) -> Problem<S> {
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
            let most = most.rounded(scale, Rounding::HalfAway).unwrap_or(most);
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
