//! Whatever the tokens are, the macro answers, and with errors it still makes what it can.
//!
//! `MIGRATE_TEST_SCALE=100` makes a million runs of it: `cargo test --release -p migrate-macros random`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use migrate_plan::types::BUILTINS;
use proc_macro2::{Delimiter, Group, Literal, Punct, Spacing, TokenStream, TokenTree};

use crate::expansion;

/// Plans whose tokens are put out of order.
const PLANS: [&str; 5] = [
    "migrate; #[doc = \"x\"] pub mod p; stage dual_write;
     extern fn app.cents(text, numeric) -> \"Big Int\".t[] immutable strict;
    table app.orders (id: bigint, currency: text not null default \"EUR\", at: timestamptz(3)) {
        total: numeric(12, 2) not null default 0 => total_cents: bigint not null default -1 {
            up   case when currency = \"JPY\" then total else round(total * 100, -2) end::bigint;
            down total_cents / 100.0 between 1 and 2 or total_cents in (1, 2) and not x is null;
        }
        \"Nick Name\": interval day to second(3)[] => r#type: app.geo(Point, 1) array { up array[1, 2][1] at time zone \"UTC\";
            down cast(extract(epoch from x) as integer) = any (a); }
    }",
    // The rest are plans that compile.
    "migrate; pub mod p; stage dual_write; table orders (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null {
            up round(total * 100)::bigint; down total_cents / 100.0;
        }
    }",
    "migrate; mod p; stage switch; table a.t { /** x */ note: text null => remark: text; n: integer not null => m: integer not null; }
     table u (k: uuid, d: date not null) { s: app.state default \"new\" not null => z: app.state not null; }",
    "migrate; pub(crate) mod r#type; stage contract; table t (x: integer, y: text) {
        a: integer => b: bigint { up case a when 1 then 2 else x end::bigint; down coalesce(b, 0)::integer; }
    }",
    "migrate; mod p; stage dual_write; table t (p: jsonb, l: text[], r: tstzrange, i: interval) {
        a: boolean not null => b: boolean not null { up a is distinct from true; down b and p->>\"k\" like \"x%\"; }
        c: text => d: text { up nullif(substring(c from 1 for 2), \"\"); down trim(both \"x\" from d) || l[1]; }
    }",
];

/// Words of the grammar, and of SQL that people write instead.
const WORDS: &str = "mod pub crate super self stage dual_write switch contract expand table not null default up down lossy \
    irreversible extern fn immutable strict between and or is distinct from length in like ilike similar to any all some case \
    when then else end cast as interval timestamp time zone with without at extract array row collate over filter select \
    values true false alter table column drop rename add set type constraint check unique primary key foreign references \
    exclude using index create concurrently reindex cluster vacuum full truncate cascade if exists only lock update delete \
    insert into do execute begin commit generated always by identity stored enable disable trigger row level security \
    attach detach partition of for create extension schema domain sequence value validate replica analyze unlogged logged \
    tablespace access method local session lock_timeout search_path sql col both leading trailing position overlay year \
    month day hour minute second precision varying national character double bit r#type _ x a b total orders id";

/// Identifiers, numbers and texts at the edges of what lexes.
const EDGES: [&str; 30] = [
    "größe",
    "名前",
    "r#fn",
    "x\u{301}",
    "a234567890123456789012345678901234567890123456789012345678901234567890",
    "0",
    "18446744073709551616",
    "99999999999999999999999999999999999999999999999999",
    "0xff",
    "0b1",
    "0o7",
    "1_000",
    "1e400",
    "1.",
    "1.5f32",
    "7u8",
    "1e-400",
    "\"\"",
    "\"\\0\"",
    "\"\\u{10ffff}\"",
    "r\"raw\"",
    "r##\"with \"# in it\"##",
    "b\"bytes\"",
    "b'x'",
    "c\"text\"",
    "'x'",
    "'\\''",
    "'label",
    "$$",
    "/** doc */",
];

const PUNCTUATION: &str = "=>:;,.-+*/#!|<'$?@~%^&";

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % sides.max(1) as u64).unwrap_or(0)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.roll(all.len())]
    }
}

/// What random tokens are taken from.
struct Dictionary {
    plans: Vec<TokenStream>,
    /// Every token of the plans, groups whole.
    pieces: Vec<TokenTree>,
    words: Vec<TokenTree>,
    edges: Vec<TokenTree>,
}

impl Dictionary {
    fn new() -> Dictionary {
        let tokens = |text: &str| text.parse::<TokenStream>().expect(text);
        let plans: Vec<TokenStream> = PLANS.iter().map(|plan| tokens(plan)).collect();
        let mut pieces = Vec::new();
        plans.iter().for_each(|plan| leaves(plan.clone(), &mut pieces));
        let types = BUILTINS.iter().flat_map(|builtin| std::iter::once(&builtin.name).chain(builtin.aliases));
        let words = types.copied().chain([WORDS]).flat_map(tokens).collect();
        let edges = EDGES.iter().copied().flat_map(tokens).collect();
        Dictionary { plans, pieces, words, edges }
    }

    fn token(&self, dice: &mut Dice, depth: usize) -> TokenTree {
        match dice.roll(12) {
            0 if depth > 0 => {
                let delimiters = [Delimiter::Parenthesis, Delimiter::Brace, Delimiter::Bracket, Delimiter::None];
                Group::new(*dice.of(&delimiters), self.noise(dice, depth - 1)).into()
            }
            0..=2 => dice.of(&self.pieces).clone(),
            3 => dice.of(&self.edges).clone(),
            4 => Literal::i64_unsuffixed(*dice.of(&[0, 1, 6, i64::MAX])).into(),
            5 => Literal::string(["", "x", "Total Amount", "\0"][dice.roll(4)]).into(),
            6..=8 => {
                let characters: Vec<char> = PUNCTUATION.chars().collect();
                let spacing = *dice.of(&[Spacing::Alone, Spacing::Joint]);
                Punct::new(*dice.of(&characters), spacing).into()
            }
            _ => dice.of(&self.words).clone(),
        }
    }

    /// Tokens without any plan behind them.
    fn noise(&self, dice: &mut Dice, depth: usize) -> TokenStream {
        (0..dice.roll(12)).map(|_| self.token(dice, depth)).collect()
    }

    /// The tokens with one in `rarity` left out, doubled, replaced, moved or put into a group.
    fn mutated(&self, tokens: TokenStream, dice: &mut Dice, rarity: usize) -> TokenStream {
        let mut out: Vec<TokenTree> = Vec::new();
        for tree in tokens {
            let tree = match tree {
                TokenTree::Group(group) => {
                    Group::new(group.delimiter(), self.mutated(group.stream(), dice, rarity)).into()
                }
                other => other,
            };
            match dice.roll(8 * rarity) {
                0 | 1 => {}
                2 => out.extend([tree.clone(), tree]),
                3 => out.push(self.token(dice, 2)),
                4 => out.extend([tree, self.token(dice, 2)]),
                5 => {
                    let before = out.pop();
                    out.push(tree);
                    out.extend(before);
                }
                6 => {
                    let delimiter = *dice.of(&[Delimiter::None, Delimiter::Parenthesis, Delimiter::Brace]);
                    out.push(Group::new(delimiter, tree.into()).into());
                }
                7 => match tree {
                    TokenTree::Group(group) => out.extend(group.stream()),
                    other => out.push(other),
                },
                _ => out.push(tree),
            }
        }
        out.into_iter().collect()
    }
}

fn leaves(tokens: TokenStream, all: &mut Vec<TokenTree>) {
    for tree in tokens {
        if let TokenTree::Group(group) = &tree {
            leaves(group.stream(), all);
        }
        all.push(tree);
    }
}

/// Expands what `tokens` makes of each seed; a panic is reported with its seed and its tokens.
fn never_panics(runs: u64, tokens: impl Fn(&Dictionary, &mut Dice) -> TokenStream) {
    let dictionary = Dictionary::new();
    let scale = std::env::var("MIGRATE_TEST_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1);
    for seed in 0..runs * scale {
        let input = || tokens(&dictionary, &mut Dice(seed));
        let result = catch_unwind(AssertUnwindSafe(|| expansion(input())));
        assert!(result.is_ok_and(|tokens| !tokens.is_empty()), "seed {seed}: {}", input());
    }
}

#[test]
fn a_plan_with_a_few_tokens_out_of_order_never_panics() {
    never_panics(4000, |dictionary, dice| {
        let plan = dice.of(&dictionary.plans).clone();
        let rarity = *dice.of(&[5, 20, 60]);
        dictionary.mutated(plan, dice, rarity)
    });
}

#[test]
fn a_change_made_of_noise_never_panics() {
    never_panics(2000, |dictionary, dice| {
        let change = match dice.roll(4) {
            0 => "total : ",
            1 => "total : integer not null => cents : integer not null ",
            2 => "total : integer => cents : ",
            _ => "",
        };
        let mut inside: TokenStream = change.parse().expect("tokens");
        if dice.roll(2) == 0 {
            let mut body: TokenStream = "up".parse().expect("tokens");
            body.extend(dictionary.noise(dice, 3));
            body.extend("; down cents;".parse::<TokenStream>());
            inside.extend([TokenTree::from(Group::new(Delimiter::Brace, body))]);
        }
        inside.extend(dictionary.noise(dice, 3));
        let mut tokens: TokenStream = "migrate; mod p; stage dual_write; table t (a: integer)".parse().expect("tokens");
        tokens.extend([TokenTree::from(Group::new(Delimiter::Brace, inside))]);
        tokens
    });
}

#[test]
fn noise_after_the_head_never_panics() {
    never_panics(2000, |dictionary, dice| {
        let heads =
            ["migrate; mod p;", "migrate; mod p; stage dual_write;", "migrate; mod p; stage dual_write; table t"];
        let mut tokens: TokenStream = dice.of(&heads).parse().expect("tokens");
        tokens.extend(dictionary.noise(dice, 4));
        tokens
    });
}

#[test]
fn noise_alone_never_panics() {
    never_panics(1000, |dictionary, dice| dictionary.noise(dice, 5));
}

#[test]
fn two_plans_spliced_into_each_other_never_panic() {
    never_panics(1000, |dictionary, dice| {
        let (first, second) = (dice.of(&dictionary.plans).clone(), dice.of(&dictionary.plans).clone());
        let (cut, skip) = (dice.roll(30), dice.roll(30));
        let spliced = first.into_iter().take(cut).chain(second.into_iter().skip(skip)).collect();
        dictionary.mutated(spliced, dice, 30)
    });
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let deep = |open: &str, close: &str| {
        let expression = format!("{}x{}", open.repeat(1000), close.repeat(1000));
        let plan = format!(
            "migrate; mod p; stage dual_write; table t {{ x: text => y: text {{ up {expression}; down y; }} }}"
        );
        plan.parse::<TokenStream>().map(|tokens| expansion(tokens).to_string())
    };
    for (open, close) in [
        ("(", ")"),
        ("not ", ""),
        ("- ", ""),
        ("case when ", " then 1 end"),
        ("f(", ")"),
        ("array[[", "]]"),
        ("1 + ", ""),
        ("", " + 1"),
        ("", " is null"),
        ("", "::text"),
        ("", " at time zone \"UTC\""),
        ("", " and true"),
    ] {
        let text = deep(open, close).expect("tokens");
        assert!(text.contains("nested too deeply"), "{open} {close}: {text}");
    }
    // Nothing of these is kept one in another; they are answered somehow.
    for (open, close) in [("", "[1]"), ("", ".a"), ("a.", ""), ("{", "}"), ("[", "]")] {
        assert!(deep(open, close).expect("tokens").contains("compile_error"), "{open} {close}");
    }
}

#[test]
fn a_long_plan_is_no_deep_one() {
    let changes: String = (0..300).map(|n| format!("a{n}: text => b{n}: text;")).collect();
    let plan = format!("migrate; mod p; stage dual_write; table t {{ {changes} }}");
    let text = expansion(plan.parse().expect("tokens")).to_string();
    assert!(!text.contains("compile_error") && text.contains("a299"), "{}", &text[..1000]);
    let arms = "when x = \"a\" then \"b\" ".repeat(300);
    let plan = format!(
        "migrate; mod p; stage dual_write; table t {{ x: text not null => y: text not null {{ up case {arms} else x end; down y; }} }}"
    );
    let text = expansion(plan.parse().expect("tokens")).to_string();
    assert!(!text.contains("nested too deeply"), "{}", &text[..1000]);
}
