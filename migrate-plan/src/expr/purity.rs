//! What makes an expression give another value for the same row.

use super::catalog::{self, Special, Volatility};
use super::infer::Typing;
use super::{Expr, Function, Kind, Operator, Reason};
use crate::types::{Category, Type};

/// A node that depends on more than the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impurity<'a, S> {
    /// The node.
    pub expr: &'a Expr<S>,
    /// What was written: `now()`.
    pub what: String,
    /// Why it cannot stand in a conversion.
    pub reason: Reason,
}

/// The nodes of `expr` whose value depends on more than the row; of nested ones the innermost.
pub fn impurities<'a, S>(expr: &'a Expr<S>, typing: &Typing) -> Vec<Impurity<'a, S>> {
    let mut found = Vec::new();
    for child in expr.children() {
        found.extend(impurities(child, typing));
    }
    if found.is_empty() {
        found.extend(impurity(expr, typing).map(|(what, reason)| Impurity { expr, what, reason }));
    }
    found
}

fn impurity<S>(node: &Expr<S>, typing: &Typing) -> Option<(String, Reason)> {
    match &node.kind {
        Kind::Environment(name) => Some(((*name).to_owned(), why_environment(name))),
        Kind::Call(function, arguments) => {
            why_call(function, node, arguments, typing).map(|why| (format!("{}()", function.name), why))
        }
        Kind::Cast(inner, to) => {
            let from = typing.ty(inner)?;
            let why = to.builtin().and_then(|to| why_cast(&from, to.name));
            let why = why.or_else(|| why_io(&from, to, typing.volatility(node)))?;
            Some((format!("a cast from `{from}` to `{}`", Type { modifiers: Vec::new(), ..to.clone() }), why))
        }
        Kind::Extract(field, _) => {
            let stable = typing.volatility(node) > Volatility::Immutable;
            stable.then(|| (format!("extract({field} from …)"), Reason::Zone))
        }
        Kind::Typed(ty, text) => {
            let word = matches!(text.trim(), "now" | "today" | "tomorrow" | "yesterday");
            (ty.category() == Category::Time && word).then(|| (format!("\"{text}\""), Reason::Clock))
        }
        _ => {
            let why = why_types(node, typing).filter(|_| typing.volatility(node) > Volatility::Immutable);
            why.map(|why| (form(node).to_owned(), why))
        }
    }
}

/// The word for a node that is no call.
fn form<S>(node: &Expr<S>) -> &str {
    match &node.kind {
        Kind::Binary(_, Operator::Symbol(symbol), _) | Kind::Quantified(_, symbol, ..) | Kind::Prefix(symbol, _) => {
            symbol
        }
        Kind::Between(..) => "between",
        Kind::In(..) => "in",
        Kind::Case { .. } => "case",
        Kind::AtTimeZone(..) => "at time zone",
        Kind::Array(_) => "array",
        Kind::Binary(_, Operator::Distinct(_), _) => "is distinct from",
        _ => "like",
    }
}

/// Why an operator is not immutable: by the types of what it takes.
fn why_types<S>(node: &Expr<S>, typing: &Typing) -> Option<Reason> {
    let types: Vec<Type> = node.children().into_iter().filter_map(|child| typing.ty(child)).collect();
    let time = |ty: &Type| ty.category() == Category::Time;
    let joins = matches!(&node.kind, Kind::Binary(_, Operator::Symbol(symbol), _) if symbol == "||");
    Some(if joins {
        Reason::AnyType
    } else if types.iter().any(|ty| ty.category() == Category::Money) {
        Reason::Money
    } else if types.iter().any(zoned)
        || types.iter().any(time) && !types.iter().any(|ty| ty.category() == Category::Text)
    {
        Reason::Zone
    } else {
        Reason::Printing
    })
}

/// Why a cast through the text form is not immutable.
fn why_io(from: &Type, to: &Type, volatility: Volatility) -> Option<Reason> {
    if volatility == Volatility::Immutable {
        return None;
    }
    let text = |ty: &Type| ty.category() == Category::Text;
    let temporal = |ty: &Type| matches!(ty.category(), Category::Time | Category::Interval | Category::Range);
    Some(match () {
        () if text(from) && temporal(to) => Reason::Reading,
        () if text(to) => Reason::Printing,
        () if zoned(from) || zoned(to) => Reason::Zone,
        () => Reason::Stable,
    })
}

fn why_environment(name: &str) -> Reason {
    let clock = name.starts_with("local") || ["time", "date", "timestamp"].iter().any(|end| name.ends_with(end));
    if clock { Reason::Clock } else { Reason::Session }
}

fn why_call<S>(function: &Function, node: &Expr<S>, arguments: &[Expr<S>], typing: &Typing) -> Option<Reason> {
    if function.schema.as_deref().is_some_and(|schema| schema != "pg_catalog") {
        return (typing.volatility(node) > Volatility::Immutable).then_some(Reason::Zone);
    }
    let name = function.name.as_str();
    if let Some(why) = well_known(name) {
        return Some(why);
    }
    match catalog::special(name) {
        Some(Special::Aggregate) => return Some(Reason::Aggregate),
        Some(Special::Window) => return Some(Reason::Window),
        Some(Special::Set) => return Some(Reason::Rows),
        None => {}
    }
    let volatility = typing.volatility(node);
    if volatility == Volatility::Immutable {
        return None;
    }
    let types: Vec<Type> = arguments.iter().filter_map(|argument| typing.ty(argument)).collect();
    let gives_zone = typing.ty(node).is_some_and(|ty| zoned(&ty));
    Some(match (name, arguments.len()) {
        ("age", 1) => Reason::Clock,
        ("to_timestamp", 2) => Reason::Format,
        ("to_tsvector" | "to_tsquery" | "plainto_tsquery" | "phraseto_tsquery" | "websearch_to_tsquery", _)
        | ("json_to_tsvector" | "jsonb_to_tsvector" | "ts_headline", _) => Reason::Configuration,
        _ if types.iter().any(|ty| ty.category() == Category::Money) => Reason::Money,
        _ if types.iter().any(zoned) || gives_zone => Reason::Zone,
        _ if PRINTERS.contains(&name) => Reason::AnyType,
        _ if volatility == Volatility::Volatile => Reason::Volatile,
        _ => Reason::Stable,
    })
}

/// Functions that PostgreSQL calls stable because they print their arguments, which may be of any type.
const PRINTERS: [&str; 12] = [
    "array_to_json",
    "array_to_string",
    "concat",
    "concat_ws",
    "format",
    "json_build_array",
    "json_build_object",
    "jsonb_build_array",
    "jsonb_build_object",
    "row_to_json",
    "to_json",
    "to_jsonb",
];

/// Functions that someone may reach for, and that deserve a better reason than their class.
fn well_known(name: &str) -> Option<Reason> {
    Some(match name {
        "now" | "clock_timestamp" | "statement_timestamp" | "transaction_timestamp" | "timeofday" => Reason::Clock,
        "random" | "random_normal" | "gen_random_uuid" | "uuidv4" | "uuidv7" | "array_sample" | "array_shuffle" => {
            Reason::Random
        }
        "nextval" | "currval" | "lastval" | "setval" => Reason::Sequence,
        "current_setting" | "set_config" | "current_database" | "current_schema" | "current_schemas" | "version"
        | "inet_client_addr" | "inet_server_addr" | "pg_backend_pid" | "txid_current" | "pg_current_xact_id"
        | "pg_typeof" => Reason::Session,
        "to_char" | "to_date" => Reason::Format,
        "grouping" => Reason::Aggregate,
        _ => return None,
    })
}

fn zoned(ty: &Type) -> bool {
    ty.builtin().is_some_and(|builtin| builtin.name.ends_with("with time zone"))
}

/// Whether a cast reads the session's zone, its money format, or how it prints.
fn why_cast(from: &Type, to: &str) -> Option<Reason> {
    let source = from.builtin()?;
    if source.category == Category::Money || to == "money" {
        return (source.name != to).then_some(Reason::Money);
    }
    let to_text = matches!(to, "text" | "character varying" | "character" | "bpchar");
    if to_text && matches!(source.name, "real" | "double precision" | "interval" | "bytea") {
        return Some(Reason::Printing);
    }
    let of_time = |name: &str| name.starts_with("time") || name == "date";
    let target_is_zoned = to.ends_with("with time zone");
    let reads_zone = if source.name == "timestamp with time zone" {
        of_time(to) && to != source.name || matches!(to, "text" | "character varying" | "character")
    } else {
        // `time with time zone` carries its own zone.
        source.category == Category::Time && !zoned(from) && target_is_zoned
    };
    reads_zone.then_some(Reason::Zone)
}

/// Names that look like functions but are forms of SQL's grammar; they take no schema.
pub fn is_syntax(name: &str) -> bool {
    matches!(name, "coalesce" | "nullif" | "greatest" | "least" | "row" | "xmlconcat" | "normalize" | "grouping")
}

/// Why the storing of a value in a column of another type depends on more than the value.
pub(crate) fn storing(from: &Type, to: &Type) -> Option<Reason> {
    let why = to.builtin().and_then(|to| why_cast(from, to.name));
    why.or_else(|| why_io(from, to, super::stored(from, to)?))
}
