//! SQL text of an expression: brackets where PostgreSQL's precedence needs them, and no others.

use std::fmt::{self, Display, Formatter};

use super::{Expr, IsTest, Kind, Level, Negated, Operator, Quantifier};
use crate::ident::{literal, quote};

/// Whether the operator compares two values.
pub(super) fn is_comparison(symbol: &str) -> bool {
    Level::of(symbol) == Level::Compare
}

fn level<S>(expr: &Expr<S>) -> Level {
    match &expr.kind {
        Kind::Binary(_, operator, _) => match operator {
            Operator::Or => Level::Or,
            Operator::And => Level::And,
            Operator::Like(_) | Operator::ILike(_) | Operator::Similar(_) => Level::Between,
            Operator::Distinct(_) => Level::Is,
            Operator::Symbol(symbol) => Level::of(symbol),
        },
        Kind::Not(_) => Level::Not,
        Kind::Is(..) => Level::Is,
        Kind::Between(..) | Kind::In(..) => Level::Between,
        Kind::Quantified(_, symbol, ..) => Level::of(symbol),
        Kind::Prefix(symbol, _) if symbol == "-" || symbol == "+" => Level::Sign,
        Kind::Prefix(..) => Level::Other,
        Kind::AtTimeZone(..) => Level::TimeZone,
        Kind::Index(..) => Level::Subscript,
        Kind::Cast(..) => Level::Cast,
        _ => Level::Atom,
    }
}

/// Writes `expr`, in brackets unless it binds more tightly than `around`.
fn tighter<S>(f: &mut Formatter<'_>, expr: &Expr<S>, around: Level) -> fmt::Result {
    if level(expr) > around { expr.fmt(f) } else { write!(f, "({expr})") }
}

/// Writes the left operand of a left-associative operator: the same level needs no brackets.
fn left<S>(f: &mut Formatter<'_>, expr: &Expr<S>, around: Level) -> fmt::Result {
    // Comparisons do not associate at all.
    let chains = !matches!(around, Level::Compare | Level::Is | Level::Between);
    if chains && level(expr) == around { expr.fmt(f) } else { tighter(f, expr, around) }
}

fn list<S>(f: &mut Formatter<'_>, items: &[Expr<S>]) -> fmt::Result {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            f.write_str(", ")?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

fn not(negated: Negated) -> &'static str {
    match negated {
        Negated::Yes => "NOT ",
        Negated::No => "",
    }
}

impl Display for Operator {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Operator::And => f.write_str("AND"),
            Operator::Or => f.write_str("OR"),
            Operator::Like(negated) => write!(f, "{}LIKE", not(*negated)),
            Operator::ILike(negated) => write!(f, "{}ILIKE", not(*negated)),
            Operator::Similar(negated) => write!(f, "{}SIMILAR TO", not(*negated)),
            Operator::Distinct(negated) => write!(f, "IS {}DISTINCT FROM", not(*negated)),
            Operator::Symbol(symbol) => f.write_str(symbol),
        }
    }
}

impl<S> Display for Expr<S> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let around = level(self);
        match &self.kind {
            Kind::Null => f.write_str("NULL"),
            Kind::Boolean(value) => f.write_str(if *value { "true" } else { "false" }),
            Kind::Number(digits) => f.write_str(digits),
            Kind::Text(text) => f.write_str(&literal(text)),
            Kind::Typed(ty, text) => write!(f, "{}::{}", literal(text), ty.sql()),
            Kind::Column(name) => f.write_str(&quote(name)),
            Kind::Environment(name) => f.write_str(name),
            Kind::Prefix(symbol, x) => {
                f.write_str(symbol)?;
                let same_prefix = matches!(x.kind, Kind::Prefix(..)) && level(x) == around;
                let bare = level(x) > around || same_prefix;
                let operand = if bare { x.to_string() } else { format!("({x})") };
                // `- -1` must not become a comment, nor `-` and `~` one operator.
                if operand.starts_with(|first: char| "+-*/<>=~!@#%^&|`?".contains(first)) {
                    f.write_str(" ")?;
                }
                f.write_str(&operand)
            }
            Kind::Binary(a, operator, b) => {
                left(f, a, around)?;
                write!(f, " {operator} ")?;
                tighter(f, b, around)
            }
            Kind::Not(x) => {
                f.write_str("NOT ")?;
                tighter(f, x, around)
            }
            Kind::Is(x, test, negated) => {
                tighter(f, x, around)?;
                let test = match test {
                    IsTest::Null => "NULL",
                    IsTest::True => "TRUE",
                    IsTest::False => "FALSE",
                    IsTest::Unknown => "UNKNOWN",
                };
                write!(f, " IS {}{test}", not(*negated))
            }
            Kind::Between(x, negated, a, b) => {
                tighter(f, x, around)?;
                write!(f, " {}BETWEEN ", not(*negated))?;
                tighter(f, a, around)?;
                f.write_str(" AND ")?;
                tighter(f, b, around)
            }
            Kind::In(x, negated, items) => {
                tighter(f, x, around)?;
                write!(f, " {}IN (", not(*negated))?;
                list(f, items)?;
                f.write_str(")")
            }
            Kind::Quantified(x, symbol, quantifier, array) => {
                tighter(f, x, around)?;
                let word = match quantifier {
                    Quantifier::Any => "ANY",
                    Quantifier::All => "ALL",
                };
                write!(f, " {symbol} {word} ({array})")
            }
            Kind::Case { operand, arms, otherwise } => {
                f.write_str("CASE")?;
                if let Some(operand) = operand {
                    write!(f, " {operand}")?;
                }
                for (when, then) in arms {
                    write!(f, " WHEN {when} THEN {then}")?;
                }
                if let Some(otherwise) = otherwise {
                    write!(f, " ELSE {otherwise}")?;
                }
                f.write_str(" END")
            }
            Kind::Cast(x, ty) => {
                left(f, x, around)?;
                write!(f, "::{}", ty.sql())
            }
            Kind::Call(function, arguments) => {
                if let Some(schema) = &function.schema {
                    write!(f, "{}.{}(", quote(schema), quote(&function.name))?;
                } else if super::is_syntax(&function.name) {
                    write!(f, "{}(", function.name)?;
                } else {
                    write!(f, "pg_catalog.{}(", quote(&function.name))?;
                }
                list(f, arguments)?;
                f.write_str(")")
            }
            Kind::Extract(field, x) => write!(f, "EXTRACT({} FROM {x})", literal(field)),
            Kind::AtTimeZone(x, zone) => {
                left(f, x, around)?;
                f.write_str(" AT TIME ZONE ")?;
                tighter(f, zone, around)
            }
            Kind::Array(items) => {
                f.write_str("ARRAY[")?;
                list(f, items)?;
                f.write_str("]")
            }
            Kind::Index(x, at) => {
                // SQL takes an index after a column, after another index, and after nothing else.
                let bare = matches!(x.kind, Kind::Column(_) | Kind::Index(..));
                if bare { write!(f, "{x}[{at}]") } else { write!(f, "({x})[{at}]") }
            }
        }
    }
}
