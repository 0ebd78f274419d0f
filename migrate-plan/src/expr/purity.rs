//! What makes an expression give another value for the same row.

use super::functions::{Class, class};
use super::{Expr, Function, Kind, Reason};
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

/// What a type is at a node, where it is certain.
type TypeOf<'a, S> = dyn Fn(&Expr<S>) -> Option<Type> + 'a;

/// Functions that PostgreSQL calls stable because they print their arguments, which may be of any type;
/// they are judged by those arguments.
const PRINTERS: [&str; 16] = [
    "array_to_json",
    "array_to_string",
    "concat",
    "concat_ws",
    "convert",
    "convert_from",
    "convert_to",
    "format",
    "json_build_array",
    "json_build_object",
    "jsonb_build_array",
    "jsonb_build_object",
    "row_to_json",
    "to_json",
    "to_jsonb",
    "to_number",
];

/// Every node of `expr` whose value depends on more than the row; `type_of` gives a node's type
/// where it is known.
pub fn impurities<'a, S>(expr: &'a Expr<S>, type_of: &TypeOf<'_, S>) -> Vec<Impurity<'a, S>> {
    let mut found = Vec::new();
    expr.walk(&mut |node| {
        if let Some((what, reason)) = impurity(node, type_of) {
            found.push(Impurity { expr: node, what, reason });
        }
    });
    found
}

fn impurity<S>(node: &Expr<S>, type_of: &TypeOf<'_, S>) -> Option<(String, Reason)> {
    match &node.kind {
        Kind::Environment(name) => Some(((*name).to_owned(), why_environment(name))),
        Kind::Call(function, arguments) => {
            why_call(function, arguments, type_of).map(|why| (format!("{}()", function.name), why))
        }
        Kind::Cast(inner, to) => {
            let from = type_of(inner)?;
            let to = to.builtin()?;
            why_cast(&from, to.name).map(|why| (format!("a cast from `{from}` to `{}`", to.name), why))
        }
        Kind::Extract(field, inner) if field != "epoch" && zoned(&type_of(inner)?) => {
            Some((format!("extract({field} from …)"), Reason::Zone))
        }
        Kind::Typed(ty, text) => {
            let word = matches!(text.trim(), "now" | "today" | "tomorrow" | "yesterday");
            (ty.category() == Category::Time && word).then(|| (format!("\"{text}\""), Reason::Clock))
        }
        _ => None,
    }
}

fn why_environment(name: &str) -> Reason {
    let clock = name.starts_with("local") || ["time", "date", "timestamp"].iter().any(|end| name.ends_with(end));
    if clock { Reason::Clock } else { Reason::Session }
}

fn why_call<S>(function: &Function, arguments: &[Expr<S>], type_of: &TypeOf<'_, S>) -> Option<Reason> {
    if function.schema.as_deref().is_some_and(|schema| schema != "pg_catalog") {
        return None;
    }
    let name = function.name.as_str();
    if let Some(why) = well_known(name) {
        return Some(why);
    }
    match class(name)? {
        Class::Immutable => why_overload(name, arguments, type_of),
        Class::Stable if name == "make_timestamptz" => (arguments.len() < 7).then_some(Reason::Zone),
        Class::Stable if PRINTERS.contains(&name) => {
            arguments.iter().filter_map(type_of).any(|ty| zoned(&ty)).then_some(Reason::Zone)
        }
        Class::Stable => Some(Reason::Stable),
        Class::Volatile => Some(Reason::Volatile),
        Class::Set => Some(Reason::Rows),
        Class::Aggregate => Some(Reason::Aggregate),
        Class::Window => Some(Reason::Window),
    }
}

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

/// Names of several functions of which only some are immutable.
fn why_overload<S>(name: &str, arguments: &[Expr<S>], type_of: &TypeOf<'_, S>) -> Option<Reason> {
    let of_zone = || arguments.iter().filter_map(type_of).any(|ty| zoned(&ty));
    match (name, arguments.len()) {
        ("age", 1) => Some(Reason::Clock),
        ("to_timestamp", 2) => Some(Reason::Format),
        ("timezone", 1) => Some(Reason::Zone),
        ("date_trunc" | "date_part" | "date_add" | "date_subtract" | "age", 2) if of_zone() => Some(Reason::Zone),
        ("date" | "time" | "timestamp", 1) if of_zone() => Some(Reason::Zone),
        ("timestamptz" | "timetz", 1) if !of_zone() => Some(Reason::Zone),
        ("to_tsvector" | "to_tsquery" | "plainto_tsquery" | "phraseto_tsquery" | "websearch_to_tsquery", 1) => {
            Some(Reason::Configuration)
        }
        ("json_to_tsvector" | "jsonb_to_tsvector" | "ts_headline", 2) => Some(Reason::Configuration),
        ("numeric", _) if arguments.iter().filter_map(type_of).any(|ty| ty.category() == Category::Money) => {
            Some(Reason::Money)
        }
        _ => None,
    }
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
