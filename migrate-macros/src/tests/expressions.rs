//! Expressions as they are written, and as PostgreSQL gets them.

use super::{around, parsed};

/// The SQL of an expression, or the parser's errors.
fn sql(expression: &str) -> Result<String, Vec<String>> {
    let change = format!("x: app.t not null => y: app.t not null {{ up f.f(x, {expression}); down y; }}");
    let declaration = parsed(&around(&change))?;
    let up = declaration.tables[0].changes[0].up.as_ref().map(ToString::to_string).unwrap_or_default();
    let inner = up.strip_prefix("\"f\".\"f\"(\"x\", ").and_then(|rest| rest.strip_suffix(')'));
    Ok(inner.expect("the call around the expression").to_owned())
}

fn each(table: &[(&str, &str)]) {
    for (written, expected) in table {
        assert_eq!(sql(written), Ok((*expected).to_owned()), "{written}");
    }
}

#[test]
fn constants_are_those_of_rust() {
    each(&[
        ("1", "1"),
        ("1_000", "1000"),
        ("0xff", "255"),
        ("0b101", "5"),
        ("0o17", "15"),
        ("1.50", "1.50"),
        ("1e3", "1e3"),
        ("2.5e-3", "2.5e-3"),
        ("99999999999999999999", "99999999999999999999"),
        ("\"it's\"", "'it''s'"),
        ("\"a\\\\b\"", "E'a\\\\b'"),
        ("r\"a\\b\"", "E'a\\\\b'"),
        ("TRUE", "true"),
        ("null", "NULL"),
        ("date \"2020-01-01\"", "'2020-01-01'::pg_catalog.date"),
        ("interval \"1 day\"", "'1 day'::interval"),
        ("timestamptz \"2020-01-01 00:00:00+00\"", "'2020-01-01 00:00:00+00'::timestamp with time zone"),
        ("double precision \"1.5\"", "'1.5'::double precision"),
        ("numeric(4, 1) \"1.5\"", "'1.5'::numeric(4,1)"),
        ("app.status \"new\"", "'new'::\"app\".\"status\""),
    ]);
}

#[test]
fn precedence_is_that_of_postgresql() {
    each(&[
        ("a + b * 2", "\"a\" + \"b\" * 2"),
        ("(a + b) * 2", "(\"a\" + \"b\") * 2"),
        ("a - (b - 1)", "\"a\" - (\"b\" - 1)"),
        ("a - b - 1", "\"a\" - \"b\" - 1"),
        ("-a ^ 2", "-\"a\" ^ 2"),
        ("-(a ^ 2)", "-(\"a\" ^ 2)"),
        ("2 ^ a ^ b", "2 ^ \"a\" ^ \"b\""),
        ("- - a", "- -\"a\""),
        ("a - -1", "\"a\" - -1"),
        ("a*-b", "\"a\" * -\"b\""),
        ("a--b", "\"a\" - -\"b\""),
        ("-a::bigint", "-\"a\"::bigint"),
        ("(-a)::bigint", "(-\"a\")::bigint"),
        ("a + b || d", "\"a\" + \"b\" || \"d\""),
        ("a = 1 or b = 2 and c", "\"a\" = 1 OR \"b\" = 2 AND \"c\""),
        ("(a = 1 or b = 2) and c", "(\"a\" = 1 OR \"b\" = 2) AND \"c\""),
        ("not c and c", "NOT \"c\" AND \"c\""),
        ("not (c and c)", "NOT (\"c\" AND \"c\")"),
        ("not a = b", "NOT \"a\" = \"b\""),
        ("(not c) = c", "(NOT \"c\") = \"c\""),
        ("a = b is null", "\"a\" = \"b\" IS NULL"),
        ("a = (b is null)::integer", "\"a\" = (\"b\" IS NULL)::integer"),
        ("a between 1 and 2 and c", "\"a\" BETWEEN 1 AND 2 AND \"c\""),
        ("~a | b", "~\"a\" | \"b\""),
        ("~(a | b)", "~(\"a\" | \"b\")"),
        ("~ a + b", "~\"a\" + \"b\""),
        ("(~ a) + b", "(~\"a\") + \"b\""),
        ("~ -a", "~ -\"a\""),
        ("a<-1", "\"a\" < -1"),
        ("a!=b", "\"a\" <> \"b\""),
        ("d->>\"k\"", "\"d\" ->> 'k'"),
    ]);
}

#[test]
fn key_words_are_those_of_sql() {
    each(&[
        ("d LIKE \"a%\"", "\"d\" LIKE 'a%'"),
        ("d not ilike \"a%\"", "\"d\" NOT ILIKE 'a%'"),
        ("d not similar to \"a%\"", "\"d\" NOT SIMILAR TO 'a%'"),
        ("d like any (array[\"a\", \"b\"])", "\"d\" ~~ ANY (ARRAY['a', 'b'])"),
        ("a in (1, 2)", "\"a\" IN (1, 2)"),
        ("a not in (1, 2)", "\"a\" NOT IN (1, 2)"),
        ("a is not null", "\"a\" IS NOT NULL"),
        ("a isnull", "\"a\" IS NULL"),
        ("a notnull", "\"a\" IS NOT NULL"),
        ("c is unknown", "\"c\" IS UNKNOWN"),
        ("c is not true", "\"c\" IS NOT TRUE"),
        ("a is distinct from b", "\"a\" IS DISTINCT FROM \"b\""),
        ("a is not distinct from b + 1", "\"a\" IS NOT DISTINCT FROM \"b\" + 1"),
        ("a not between 1 and b + 1", "\"a\" NOT BETWEEN 1 AND \"b\" + 1"),
        ("a = any (array[1, 2])", "\"a\" = ANY (ARRAY[1, 2])"),
        ("a > all (array[1, 2])", "\"a\" > ALL (ARRAY[1, 2])"),
        ("a = some (array[1])", "\"a\" = ANY (ARRAY[1])"),
        ("case when c then a else b end", "CASE WHEN \"c\" THEN \"a\" ELSE \"b\" END"),
        ("CASE a WHEN 1 THEN 2 END + 1", "CASE \"a\" WHEN 1 THEN 2 END + 1"),
        ("cast(a as bigint)", "\"a\"::bigint"),
        ("a::numeric(12, 2)", "\"a\"::numeric(12,2)"),
        ("a::text::varchar(3)", "\"a\"::pg_catalog.text::character varying(3)"),
        ("(array[1, 2])[1]", "(ARRAY[1, 2])[1]"),
        ("array[[1, 2], [3, 4]]", "ARRAY[ARRAY[1, 2], ARRAY[3, 4]]"),
        ("array[]::integer[]", "ARRAY[]::integer[]"),
        ("(d::integer[])[1]", "(\"d\"::integer[])[1]"),
        ("date \"2020-01-01\" at time zone \"UTC\"", "'2020-01-01'::pg_catalog.date AT TIME ZONE 'UTC'"),
        ("r#case.f(1)", "\"case\".\"f\"(1)"),
    ]);
}

#[test]
fn calls_are_bound_to_a_schema() {
    each(&[
        ("ROUND(a, 2)", "pg_catalog.\"round\"(\"a\", 2)"),
        ("coalesce(a, 0)", "coalesce(\"a\", 0)"),
        ("App.F(a)", "\"app\".\"f\"(\"a\")"),
        ("app.\"F\"(a)", "\"app\".\"F\"(\"a\")"),
        ("pi()", "pg_catalog.\"pi\"()"),
        ("extract(epoch from date \"2020-01-01\")", "EXTRACT('epoch' FROM '2020-01-01'::pg_catalog.date)"),
        ("substring(d from 1 for 2)", "pg_catalog.\"substring\"(\"d\", 1, 2)"),
        ("substring(d for 2)", "pg_catalog.\"substring\"(\"d\", 1, 2)"),
        ("substring(d, 2)", "pg_catalog.\"substring\"(\"d\", 2)"),
        ("position(\"x\" in d)", "pg_catalog.\"position\"(\"d\", 'x')"),
        ("trim(d)", "pg_catalog.\"btrim\"(\"d\")"),
        ("trim(both \"-\" from d)", "pg_catalog.\"btrim\"(\"d\", '-')"),
        ("trim(leading from d)", "pg_catalog.\"ltrim\"(\"d\")"),
        ("trim(trailing \"-\" from d)", "pg_catalog.\"rtrim\"(\"d\", '-')"),
        ("overlay(d placing \"x\" from 1 for 2)", "pg_catalog.\"overlay\"(\"d\", 'x', 1, 2)"),
    ]);
}

#[test]
fn a_fragment_of_another_macro_is_one_value() {
    use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
    let plan = around("x: integer not null => y: integer not null { up x * SUM; down y; }");
    let sum: TokenStream = "a + b".parse().expect("tokens");
    let fragment = |tree: TokenTree| -> TokenTree {
        match tree {
            TokenTree::Ident(ident) if ident == "SUM" => Group::new(Delimiter::None, sum.clone()).into(),
            other => other,
        }
    };
    fn map(tokens: TokenStream, fragment: &impl Fn(TokenTree) -> TokenTree) -> TokenStream {
        tokens
            .into_iter()
            .map(|tree| match tree {
                TokenTree::Group(group) => Group::new(group.delimiter(), map(group.stream(), fragment)).into(),
                other => fragment(other),
            })
            .collect()
    }
    let tokens = map(plan.parse().expect("tokens"), &fragment);
    let buffer = syn::buffer::TokenBuffer::new2(tokens);
    let mut parser = crate::parse::Parser::new(buffer.begin());
    let source = crate::parse::plan(&mut parser).expect("a plan");
    let up = source.declaration.tables[0].changes[0].up.as_ref().map(ToString::to_string);
    assert_eq!(up.as_deref(), Some("\"x\" * (\"a\" + \"b\")"));
}
