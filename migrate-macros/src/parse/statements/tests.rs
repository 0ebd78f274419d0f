//! Every form is found by its own words: none is hidden behind another, and none hides a column.

use proc_macro2::TokenStream;
use syn::buffer::TokenBuffer;

use super::{ACTIONS, Form, STATEMENTS, traits};
use crate::parse::Parser;

/// The shortest statement of a form: the first of several words, and nothing that may be left out.
fn shortest(words: &str) -> String {
    let mut written = Vec::new();
    let mut rest = words;
    while !rest.is_empty() {
        if let Some((_, after)) = rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            rest = after.trim_start();
            continue;
        }
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = after;
        written.push(match word {
            "*" => "thing",
            "(" => "(1)",
            "…" => "and so on",
            word => word.split('|').next().unwrap_or(word),
        });
    }
    written.join(" ")
}

/// What is said of some SQL.
fn message(sql: &str) -> Option<String> {
    let tokens: TokenStream = sql.parse().expect(sql);
    let buffer = TokenBuffer::new2(tokens);
    Parser::new(buffer.begin()).refused_statement().map(|problem| problem.message)
}

fn filled(form: &Form) -> String {
    form.message.replace("{0}", "thing").replace("{1}", "thing")
}

#[test]
fn every_statement_is_found_by_its_own_words() {
    for form in STATEMENTS.into_iter().flatten() {
        assert_eq!(message(&shortest(form.words)).as_ref(), Some(&filled(form)), "{}", form.words);
    }
}

#[test]
fn every_action_is_found_with_and_without_alter_table() {
    for form in ACTIONS.into_iter().flatten() {
        let action = shortest(form.words);
        for sql in [action.clone(), format!("alter table only app.orders {action}"), action.to_uppercase()] {
            let found = message(&sql).unwrap_or_default();
            assert_eq!(found.to_lowercase(), filled(form).to_lowercase(), "{sql}: {}", form.words);
        }
    }
}

#[test]
fn a_column_may_have_any_name() {
    for form in STATEMENTS.into_iter().chain(ACTIONS).chain([traits::LIVE, traits::NEW]).flatten() {
        let first = shortest(form.words).split(' ').next().unwrap_or_default().to_owned();
        if first != "(1)" {
            assert_eq!(message(&format!("{first}: text => remark: text;")), None, "{first}");
        }
    }
}

#[test]
fn what_is_no_sql_is_left_to_the_parser() {
    for text in
        ["table orders {}", "stage dual_write;", "tabel orders {}", "total text;", "mod other;", "up total;", "", ";"]
    {
        assert_eq!(message(text), None, "{text}");
    }
}

#[test]
fn each_form_says_why_and_what_to_do() {
    let mut forms = 0;
    for form in STATEMENTS.into_iter().chain(ACTIONS).flatten() {
        assert!(!form.note.is_empty() && !form.help.is_empty(), "{}", form.words);
        for text in [form.message, form.note, form.help] {
            assert!(!text.ends_with(['.', ' ']) && !text.contains("  "), "{text}");
        }
        forms += 1;
    }
    assert!(forms > 90, "{forms}");
}
