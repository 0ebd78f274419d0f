//! The types that the functions of most conversions take and give.

use super::Expr;
use super::infer::{Inference, Inferred, named};
use crate::types::{Category, Type};

/// The result of a function of PostgreSQL's own.
pub(super) fn call<S: Clone>(
    inference: &mut Inference<'_, S>,
    name: &str,
    arguments: &[Expr<S>],
    types: Vec<Inferred>,
) -> Inferred {
    match name {
        "coalesce" | "greatest" | "least" => {
            let values: Vec<&Expr<S>> = arguments.iter().collect();
            return inference.agreement(&values, types, &format!("`{name}`"));
        }
        "nullif" => {
            if let ([_, other], [a, b]) = (arguments, types.as_slice()) {
                inference.comparison(other, "=", a.as_ref(), b.as_ref());
            }
            return types.into_iter().next()?;
        }
        _ => {}
    }
    let first = types.into_iter().next().flatten();
    if let (Some(argument), Some(ty)) = (arguments.first(), &first) {
        first_argument(inference, name, argument, ty);
    }
    result(name, first)
}

/// What a function certainly does not take.
fn first_argument<S: Clone>(inference: &mut Inference<'_, S>, name: &str, argument: &Expr<S>, ty: &Type) {
    let what = format!("`{name}`");
    match name {
        "initcap" | "replace" | "split_part" | "left" | "right" | "lpad" | "rpad" | "translate" | "reverse"
        | "regexp_replace" | "strpos" | "ascii" | "quote_ident" | "starts_with" => {
            inference.text(argument, Some(ty), &what);
        }
        "lower" | "upper" if ty.category() != Category::Range => inference.text(argument, Some(ty), &what),
        "round" | "floor" | "ceil" | "ceiling" | "trunc" | "abs" | "sqrt" | "sign" | "mod" | "power" => {
            let fits = matches!(ty.category(), Category::Number | Category::User | Category::Network);
            if !fits {
                let message = format!("{what} takes a number, and this is `{ty}`");
                inference.report(argument, message, "cast it first: `x::numeric`");
            }
        }
        _ => {}
    }
}

/// What a function gives for a first argument of this type.
fn result(name: &str, first: Inferred) -> Inferred {
    match name {
        "initcap" | "replace" | "split_part" | "left" | "right" | "lpad" | "rpad" | "md5" | "concat" | "concat_ws"
        | "translate" | "format" | "to_hex" | "reverse" | "regexp_replace" | "quote_ident" | "quote_literal"
        | "array_to_string" | "convert_from" | "encode" => named("text"),
        // These have forms for other types than text.
        "lower" | "upper" | "btrim" | "ltrim" | "rtrim" | "substr" | "substring" | "overlay" => {
            let ty = first?;
            if ty.category() == Category::Text { named("text") } else { None }
        }
        "length" | "char_length" | "character_length" | "octet_length" | "bit_length" | "strpos" | "ascii"
        | "position" | "cardinality" | "array_length" | "num_nulls" | "num_nonnulls" => named("integer"),
        "round" | "floor" | "ceil" | "ceiling" | "trunc" => match first? {
            ty if ty.builtin().is_some_and(|b| b.name == "numeric") => named("numeric"),
            ty if ty.category() == Category::Number => named("double precision"),
            _ => None,
        },
        "abs" => first.map(|ty| Type { modifiers: Vec::new(), ..ty }),
        "decode" | "convert_to" | "sha256" | "sha512" => named("bytea"),
        "to_json" | "json_build_object" | "json_build_array" => named("json"),
        "to_jsonb" | "jsonb_build_object" | "jsonb_build_array" | "jsonb_set" => named("jsonb"),
        "make_date" => named("date"),
        "make_interval" => named("interval"),
        "make_timestamp" => named("timestamp without time zone"),
        "make_timestamptz" | "to_timestamp" => named("timestamp with time zone"),
        "date_part" => named("double precision"),
        "to_number" => named("numeric"),
        "starts_with" | "regexp_like" | "isfinite" => named("boolean"),
        _ => None,
    }
}
