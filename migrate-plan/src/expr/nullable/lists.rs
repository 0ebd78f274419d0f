//! What PostgreSQL's functions and operators do with null, as far as the catalog does not say it.

/// Strict functions that give null for some arguments that are not null (`null results` of the test
/// `soundness` finds what is missing here).
pub(super) const NULL_OF_VALUES: [&str; 49] = [
    "area",
    "array_dims",
    "array_length",
    "array_lower",
    "array_ndims",
    "array_upper",
    "box_intersect",
    "close_lseg",
    "close_pb",
    "close_ps",
    "close_sb",
    "date_part",
    "enum_first",
    "extract",
    "json_array_element",
    "json_array_element_text",
    "json_extract_path",
    "json_extract_path_text",
    "json_object_field",
    "json_object_field_text",
    "jsonb_array_element",
    "jsonb_array_element_text",
    "jsonb_extract_path",
    "jsonb_extract_path_text",
    "jsonb_object_field",
    "jsonb_object_field_text",
    "jsonb_path_exists",
    "jsonb_path_exists_opr",
    "jsonb_path_match",
    "jsonb_path_match_opr",
    "jsonb_path_query_array",
    "jsonb_path_query_first",
    "line_interpt",
    "lower",
    "lseg_interpt",
    "min_scale",
    "path_add",
    "path_inter",
    "phraseto_tsquery",
    "regexp_match",
    "regexp_substr",
    "scale",
    "substring",
    "time",
    "timetz",
    "trim_array",
    "upper",
    "uuid_extract_timestamp",
    "uuid_extract_version",
];

/// Functions that are never null, whatever they are given.
pub(super) const NEVER_NULL: [&str; 10] = [
    "array_append",
    "array_prepend",
    "concat",
    "json_build_array",
    "json_build_object",
    "jsonb_build_array",
    "jsonb_build_object",
    "num_nonnulls",
    "num_nulls",
    "quote_nullable",
];

/// Functions that are null where their first argument is, and never otherwise.
pub(super) const NULL_OF_FIRST: [&str; 6] =
    ["array_positions", "array_remove", "array_replace", "array_to_string", "concat_ws", "format"];

/// Operators that give null where a key, an element or a path is missing.
pub(super) const NULL_OPERATORS: [&str; 4] = ["->", "->>", "#>", "#>>"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::catalog;

    #[test]
    fn every_name_in_the_lists_is_a_function() {
        for name in NULL_OF_VALUES.iter().chain(&NEVER_NULL).chain(&NULL_OF_FIRST) {
            assert!(catalog::has_function(name), "{name}");
        }
        for symbol in NULL_OPERATORS {
            assert!(!catalog::infix(symbol).is_empty(), "{symbol}");
        }
    }
}
