//! What makes an expression give another value for the same row, and what can make it fail.

use super::{Expr, Kind};
use crate::types::{Category, Type};

/// A node that depends on more than the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impurity<'a, S> {
    /// The node.
    pub expr: &'a Expr<S>,
    /// What was written: `now()`.
    pub what: String,
    /// Why it cannot stand in a conversion.
    pub why: &'static str,
}

const CLOCK: &str = "it gives another value every time it is asked";
const RANDOM: &str = "it gives a random value";
const SEQUENCE: &str = "it changes or reads a sequence";
const SESSION: &str = "its value depends on the session that runs it";
const ZONE: &str = "its value depends on the session's `TimeZone`";
const FORMAT: &str = "PostgreSQL calls it stable, not immutable: it reads the session's locale and `TimeZone`";
const AGGREGATE: &str = "it is an aggregate, and a conversion sees one row";

/// PostgreSQL's functions that are not immutable and that someone may reach for (`pg_proc.provolatile`
/// of PostgreSQL 14 to 18). The server has the last word before the first step.
fn why_impure(name: &str) -> Option<&'static str> {
    Some(match name {
        "now" | "clock_timestamp" | "statement_timestamp" | "transaction_timestamp" | "timeofday" => CLOCK,
        "random" | "random_normal" | "gen_random_uuid" | "uuidv4" | "uuidv7" | "uuid_generate_v1"
        | "uuid_generate_v4" | "gen_random_bytes" | "setseed" => RANDOM,
        "nextval" | "currval" | "lastval" | "setval" => SEQUENCE,
        "current_setting"
        | "set_config"
        | "current_database"
        | "current_schema"
        | "current_schemas"
        | "version"
        | "inet_client_addr"
        | "inet_server_addr"
        | "pg_backend_pid"
        | "txid_current"
        | "pg_current_xact_id"
        | "pg_sleep"
        | "has_table_privilege"
        | "pg_typeof" => SESSION,
        "to_char" | "to_date" | "to_timestamp" => FORMAT,
        "count" | "sum" | "avg" | "min" | "max" | "array_agg" | "string_agg" | "json_agg" | "jsonb_agg"
        | "json_object_agg" | "jsonb_object_agg" | "bool_and" | "bool_or" | "every" | "bit_and" | "bit_or"
        | "percentile_cont" | "percentile_disc" | "mode" | "stddev" | "variance" => AGGREGATE,
        "row_number" | "rank" | "dense_rank" | "lag" | "lead" | "first_value" | "last_value" | "ntile" => {
            "it is a window function, and a conversion sees one row"
        }
        _ => return None,
    })
}

/// Every node of `expr` whose value depends on more than the row; `type_of` gives a node's type
/// where it is known.
pub fn impurities<'a, S>(expr: &'a Expr<S>, type_of: &dyn Fn(&Expr<S>) -> Option<Type>) -> Vec<Impurity<'a, S>> {
    let mut found = Vec::new();
    expr.walk(&mut |node| match &node.kind {
        Kind::Environment(name) => {
            let why = if name.starts_with("current_")
                && (name.ends_with("time") || name.ends_with("date") || name.ends_with("timestamp"))
                || name.starts_with("local")
            {
                CLOCK
            } else {
                SESSION
            };
            found.push(Impurity { expr: node, what: (*name).to_owned(), why });
        }
        Kind::Call(function, _) if function.schema.as_deref().is_none_or(|schema| schema == "pg_catalog") => {
            if let Some(why) = why_impure(&function.name) {
                found.push(Impurity { expr: node, what: format!("{}()", function.name), why });
            }
        }
        Kind::Cast(inner, to) => {
            if let (Some(from), Some(to)) = (type_of(inner), to.builtin())
                && zone_cast(&from, to.name)
            {
                let what = format!("a cast from `{from}` to `{}`", to.name);
                found.push(Impurity { expr: node, what, why: ZONE });
            }
        }
        Kind::Typed(ty, text) => {
            let word = matches!(text.trim(), "now" | "today" | "tomorrow" | "yesterday");
            if ty.category() == Category::Time && word {
                found.push(Impurity { expr: node, what: format!("\"{text}\""), why: CLOCK });
            }
        }
        _ => {}
    });
    found
}

/// Whether a cast between two types of time reads the session's zone.
fn zone_cast(from: &Type, to: &str) -> bool {
    let Some(from) = from.builtin() else { return false };
    let zoned = |name: &str| name.ends_with("with time zone");
    let of_time = |name: &str| name.starts_with("time") || name == "date";
    if zoned(from.name) {
        return (of_time(to) && !zoned(to)) || to == "text" || to == "character varying";
    }
    from.category == Category::Time && to == "timestamp with time zone"
}

/// Names that look like functions but are forms of SQL's grammar; they take no schema.
pub(super) fn is_syntax(name: &str) -> bool {
    matches!(name, "coalesce" | "nullif" | "greatest" | "least" | "row" | "xmlconcat" | "normalize" | "grouping")
}

/// Functions that give a value for every argument of their own types.
const TOTAL: [&str; 21] = [
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "lower",
    "upper",
    "btrim",
    "ltrim",
    "rtrim",
    "length",
    "char_length",
    "octet_length",
    "md5",
    "concat",
    "concat_ws",
    "reverse",
    "initcap",
    "sign",
    "floor",
    "ceil",
    "strpos",
];

/// Whether evaluating the expression can raise an error for some row: an overflow, a division by
/// zero, text that is no number. Where that is not certain the answer is yes.
pub fn can_fail<S>(expr: &Expr<S>, type_of: &dyn Fn(&Expr<S>) -> Option<Type>) -> bool {
    let mut fails = false;
    expr.walk(&mut |node| {
        fails |= match &node.kind {
            Kind::Cast(inner, to) => type_of(inner).is_none_or(|from| !widens(&from, to)),
            Kind::Binary(a, super::Operator::Symbol(symbol), _) => match symbol.as_str() {
                "=" | "<" | ">" | "<=" | ">=" | "<>" => false,
                "||" => type_of(a).is_none_or(|ty| ty.category() != Category::Text),
                _ => true,
            },
            Kind::Call(function, _) => function.schema.is_some() || !TOTAL.contains(&function.name.as_str()),
            Kind::Prefix(..) | Kind::Extract(..) | Kind::AtTimeZone(..) | Kind::Quantified(..) => true,
            Kind::Binary(_, super::Operator::Similar(_) | super::Operator::Like(_) | super::Operator::ILike(_), _) => {
                true
            }
            // A bare literal takes the type of what it stands beside, and may not be one of its values;
            // that fails for every row or none, and so before the first step.
            _ => false,
        };
    });
    fails
}

/// Whether every value of `from` is one of `to`, and the conversion never fails.
pub(crate) fn widens(from: &Type, to: &Type) -> bool {
    if from == to {
        return true;
    }
    let (Some(a), Some(b)) = (from.builtin(), to.builtin()) else { return false };
    if let (Some(x), Some(y)) = (a.integer_rank(), b.integer_rank()) {
        return x <= y;
    }
    let unbounded = to.modifiers.is_empty();
    match (a.name, b.name) {
        ("smallint" | "integer" | "bigint", "numeric") => unbounded,
        ("numeric" | "character varying", same) if same == a.name => unbounded,
        (
            "character varying" | "text" | "character" | "uuid" | "boolean" | "smallint" | "integer" | "bigint",
            "text",
        ) => true,
        ("text" | "uuid", "character varying") => unbounded,
        ("real", "double precision") => true,
        _ => false,
    }
}
