//! What an editor gets: a module from the first token on that names it, items at the tokens of the declaration, and a
//! page for the plan.

use std::collections::BTreeMap;

use proc_macro2::{Group, Ident, LineColumn, TokenStream, TokenTree};

use super::read;
use crate::expansion;

/// The plan of the README, with a column that is read.
const PLAN: &str = "migrate;
/// Money becomes integer cents.
pub mod orders_total_cents;

stage dual_write;

table orders (id: bigint) {
    total: numeric(12, 2) not null => total_cents: bigint not null {
        up   round(total * 100)::bigint;
        down total_cents / 100.0;
    }
    nick: text => nickname: text;
}
";

/// The tokens up to number `end`, those inside of groups counted too. A group that is cut ends there: an editor closes
/// what the user has not.
fn cut(tokens: TokenStream, left: &mut usize) -> TokenStream {
    let mut out = Vec::new();
    for tree in tokens {
        if *left == 0 {
            break;
        }
        *left -= 1;
        out.push(match tree {
            TokenTree::Group(group) => {
                let mut kept = Group::new(group.delimiter(), cut(group.stream(), left));
                kept.set_span(group.span());
                kept.into()
            }
            other => other,
        });
    }
    out.into_iter().collect()
}

/// How many tokens there are up to the first `word` outside of doc comments, itself included.
fn position(tokens: &TokenStream, word: &str) -> usize {
    fn walk(tokens: TokenStream, word: &str, count: &mut usize) -> bool {
        tokens.into_iter().any(|tree| {
            *count += 1;
            match tree {
                TokenTree::Group(group) => walk(group.stream(), word, count),
                TokenTree::Ident(ident) => ident == word,
                _ => false,
            }
        })
    }
    let mut count = 0;
    assert!(walk(tokens.clone(), word, &mut count), "{word} is in the plan");
    count
}

fn leaves(tokens: TokenStream) -> usize {
    let inner = |tree| if let TokenTree::Group(group) = tree { leaves(group.stream()) } else { 0 };
    tokens.into_iter().map(|tree| 1 + inner(tree)).sum()
}

/// Items, as far as the macro makes any.
struct Items {
    errors: usize,
    /// The names of constants and statics.
    values: Vec<Ident>,
    modules: BTreeMap<String, Items>,
}

impl Items {
    /// Takes tokens that are items and nothing else.
    fn of(tokens: TokenStream) -> Items {
        let mut items = Items { errors: 0, values: Vec::new(), modules: BTreeMap::new() };
        let mut tokens = tokens.into_iter().peekable();
        while let Some(tree) = tokens.next() {
            match tree {
                TokenTree::Punct(hash) if hash.as_char() == '#' => {
                    assert!(matches!(tokens.next(), Some(TokenTree::Group(_))), "an attribute");
                }
                TokenTree::Punct(colon) if colon.as_char() == ':' => {
                    let path: String = tokens.by_ref().take(5).map(|tree| tree.to_string()).collect();
                    assert_eq!(path, ":core::compile_error");
                    assert_eq!(tokens.next().map(|tree| tree.to_string()).as_deref(), Some("!"));
                    assert!(matches!(tokens.next(), Some(TokenTree::Group(_))), "the message");
                    items.errors += 1;
                }
                TokenTree::Ident(word) if word == "pub" => {}
                TokenTree::Ident(word) if word == "mod" => {
                    let (name, body) = (tokens.next(), tokens.next());
                    let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) = (name, body) else {
                        panic!("a module has a name and a body");
                    };
                    items.modules.insert(name.to_string(), Items::of(body.stream()));
                }
                TokenTree::Ident(word) if word == "const" || word == "static" => {
                    let Some(TokenTree::Ident(name)) = tokens.next() else { panic!("a value has a name") };
                    let is_end = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ';');
                    assert!(tokens.any(|tree| is_end(&tree)), "a value ends");
                    items.values.push(name);
                }
                other => panic!("`{other}` begins no item"),
            }
        }
        items
    }

    fn has(&self, name: &str) -> bool {
        self.values.iter().any(|value| value == name)
    }
}

#[test]
fn a_plan_that_is_cut_anywhere_is_still_a_module() {
    let plan: TokenStream = PLAN.parse().expect("tokens");
    let name_is_known = position(&plan, "orders_total_cents");
    let table_is_known = position(&plan, "orders");
    // With its type.
    let change_is_known = position(&plan, "total_cents") + 2;
    let (mut sound, all) = (0, leaves(plan.clone()));
    for end in 1..=all {
        let tokens = cut(plan.clone(), &mut end.clone());
        let text = format!("after {end} tokens: {tokens}");
        let expanded = expansion(tokens);
        let is_whole = !expanded.to_string().contains("This plan has errors.");
        let items = Items::of(expanded);
        assert!(items.errors > 0 || is_whole, "{text}");
        let module = items.modules.get("orders_total_cents");
        assert_eq!(module.is_some(), end >= name_is_known, "{text}");
        let Some(module) = module else { continue };
        assert_eq!(items.errors == 0, is_whole, "{text}");
        assert!(module.has("PLAN"), "{text}");
        let table = module.modules.get("orders");
        assert_eq!(table.is_some(), end >= table_is_known, "{text}");
        if let Some(table) = table.filter(|_| end >= change_is_known) {
            assert!(table.modules["old"].has("total") && table.modules["new"].has("total_cents"), "{text}");
        }
        sound += usize::from(is_whole);
    }
    assert!(sound >= 2, "with and without the second change the plan is whole");
}

/// Where `name` stands in the plan as a word.
fn tokens(name: &str) -> Vec<LineColumn> {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let lines = PLAN.lines().zip(1..).flat_map(|(text, line)| {
        let is_word =
            move |at: usize| !text[..at].ends_with(is_letter) && !text[at + name.len()..].starts_with(is_letter);
        let found = text.match_indices(name).filter(move |(at, _)| is_word(*at));
        found.map(move |(at, _)| LineColumn { line, column: at })
    });
    lines.collect()
}

/// The places of all identifiers `name` in these tokens.
fn named(stream: TokenStream, name: &str) -> Vec<LineColumn> {
    let one = |tree| match tree {
        TokenTree::Group(group) => named(group.stream(), name),
        TokenTree::Ident(ident) if ident == name => vec![ident.span().start()],
        _ => Vec::new(),
    };
    stream.into_iter().flat_map(one).collect()
}

/// Go-to-definition and rename follow the span of the name of an item: it is that of the declaration's token.
#[test]
fn every_item_stands_at_the_token_that_declares_it() {
    let items = Items::of(expansion(PLAN.parse().expect("tokens")));
    let module = &items.modules["orders_total_cents"];
    let of_change = |side: &str, name: &str| {
        let values = &module.modules["orders"].modules[side].values;
        values.iter().find(|value| *value == name).expect("a column").span()
    };
    for (side, name) in [("old", "total"), ("new", "total_cents"), ("old", "nick"), ("new", "nickname")] {
        let span = of_change(side, name);
        assert_eq!(span.start(), tokens(name)[0], "{name}");
        assert_eq!(span.source_text().as_deref(), Some(name));
    }
}

/// A conversion uses the items too, at its own tokens: a rename changes all or nothing.
#[test]
fn every_use_in_a_conversion_stands_at_its_token() {
    for (stage, names) in [("dual_write", &["total", "total_cents"][..]), ("contract", &["total_cents"])] {
        let expanded = expansion(PLAN.replace("dual_write", stage).parse().expect("tokens"));
        for name in names {
            let (mut expected, mut found) = (tokens(name), named(expanded.clone(), name));
            expected.sort();
            found.sort();
            assert_eq!(found, expected, "{name} at {stage}");
            assert_eq!(found.len(), 2, "{name}: declared and converted");
        }
    }
}

#[test]
fn the_page_is_a_runbook() {
    let declaration = read(PLAN.strip_prefix("migrate;").expect("the root")).expect("a sound plan");
    let plan = migrate_plan::plan(&declaration);
    let page = migrate_plan::runbook::runbook(&plan);
    let numbers: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("**")?.split_once('.')).map(|(n, _)| n).collect();
    let expected: Vec<String> = (1..=plan.steps.len()).map(|number| number.to_string()).collect();
    assert_eq!(numbers, expected, "{page}");
    for word in ["* Lock: ", "* Undone: "] {
        assert_eq!(page.matches(word).count(), plan.steps.len(), "{word}: {page}");
    }
    let phases: Vec<&str> = page.lines().filter(|line| line.starts_with("# ")).collect();
    assert_eq!(phases, ["# Phase `expand`", "# Phase `dual_write`", "# Phase `switch`", "# Phase `contract`"]);
    for sql in ["ADD COLUMN \"total_cents\" bigint", "VALIDATE CONSTRAINT", "RENAME COLUMN \"total\"", "DROP COLUMN"] {
        assert!(page.contains(sql), "{sql}: {page}");
    }
    assert!(!page.contains("RAISE EXCEPTION"), "no body of the sync: {page}");
}

#[test]
fn the_page_says_what_is_looked_at_before_the_first_step() {
    let plan = "pub mod change; stage dual_write;
        extern fn app.slug(text) -> text immutable strict;
        table orders (id: bigint) {
            total: numeric(12, 2) not null between 0 and 1_000 => total_cents: integer not null {
                up round(total * 100)::integer; down total_cents / 100.0;
            }
            title: text => slug: text { up app.slug(title); down slug; lossy \"capitals go\"; }
        }";
    let page = migrate_plan::runbook::runbook(&migrate_plan::plan(&read(plan).expect("a sound plan")));
    let expected = "# Before the first step\n\n\
        * In every row of `public.orders`: `total between 0 and 1000`. The keys of others are reported, and nothing begins.\n\
        * `app.slug(text)` gives `text`, immutable and strict.\n\n# Phase `expand`\n";
    assert!(page.starts_with(expected), "{page}");
}
