//! Whatever the tokens are, the macro answers, and with errors it still makes what it can.

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::expansion;

/// A plan whose tokens are put out of order.
const PLAN: &str = "migrate; #[doc = \"x\"] pub mod p; stage dual_write;
    extern fn app.cents(text, numeric) -> \"Big Int\".t[] immutable strict;
    table app.orders (id: bigint, currency: text not null default \"EUR\", at: timestamptz(3)) {
        total: numeric(12, 2) not null default 0 => total_cents: bigint not null default -1 {
            up   case when currency = \"JPY\" then total else round(total * 100, -2) end::bigint;
            down total_cents / 100.0 between 1 and 2 or total_cents in (1, 2) and not x is null;
        }
        \"Nick Name\": interval day to second(3)[] => r#type: app.geo(Point, 1) array { up array[1, 2][1] at time zone \"UTC\";
            down cast(extract(epoch from x) as integer) = any (a); }
    }";

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
}

fn leaves(tokens: TokenStream, all: &mut Vec<TokenTree>) {
    for tree in tokens {
        if let TokenTree::Group(group) = &tree {
            leaves(group.stream(), all);
        }
        all.push(tree);
    }
}

/// The plan with some tokens left out, doubled or replaced.
fn mutated(tokens: TokenStream, all: &[TokenTree], dice: &mut Dice) -> TokenStream {
    let mut out = Vec::new();
    for tree in tokens {
        let tree = match tree {
            TokenTree::Group(group) => Group::new(group.delimiter(), mutated(group.stream(), all, dice)).into(),
            other => other,
        };
        match dice.roll(40) {
            0 => {}
            1 => out.extend([tree.clone(), tree]),
            2 => out.push(all[dice.roll(all.len())].clone()),
            3 => out.extend([tree, all[dice.roll(all.len())].clone()]),
            _ => out.push(tree),
        }
    }
    out.into_iter().collect()
}

/// Tokens without any plan behind them.
fn noise(dice: &mut Dice, depth: usize) -> TokenStream {
    const WORDS: [&str; 20] = [
        "mod",
        "pub",
        "stage",
        "table",
        "up",
        "down",
        "not",
        "null",
        "default",
        "case",
        "when",
        "end",
        "interval",
        "timestamp",
        "with",
        "array",
        "between",
        "and",
        "_",
        "x",
    ];
    const PUNCTUATION: [char; 16] = ['=', '>', ':', ';', ',', '.', '-', '+', '*', '#', '!', '|', '<', '\'', '$', '?'];
    let mut out: Vec<TokenTree> = Vec::new();
    for _ in 0..dice.roll(12) {
        out.push(match dice.roll(8) {
            0 if depth > 0 => {
                let delimiters = [Delimiter::Parenthesis, Delimiter::Brace, Delimiter::Bracket, Delimiter::None];
                Group::new(delimiters[dice.roll(4)], noise(dice, depth - 1)).into()
            }
            1 => Literal::string(["", "x", "Total Amount", "\0"][dice.roll(4)]).into(),
            2 => Literal::i64_unsuffixed([0, 1, 6, i64::MAX][dice.roll(4)]).into(),
            3 | 4 => {
                let spacing = if dice.roll(2) == 0 { Spacing::Alone } else { Spacing::Joint };
                Punct::new(PUNCTUATION[dice.roll(16)], spacing).into()
            }
            _ => Ident::new(WORDS[dice.roll(20)], Span::call_site()).into(),
        });
    }
    out.into_iter().collect()
}

fn scale() -> usize {
    std::env::var("MIGRATE_TEST_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(1)
}

#[test]
fn a_plan_with_tokens_out_of_order_never_panics() {
    let plan: TokenStream = PLAN.parse().expect("tokens");
    let mut all = Vec::new();
    leaves(plan.clone(), &mut all);
    for seed in 0..1500 * scale() as u64 {
        let tokens = mutated(plan.clone(), &all, &mut Dice(seed));
        let text = tokens.to_string();
        let result = std::panic::catch_unwind(|| expansion(tokens));
        assert!(result.is_ok(), "seed {seed}: {text}");
    }
}

#[test]
fn noise_never_panics() {
    for seed in 0..3000 * scale() as u64 {
        let mut dice = Dice(seed);
        let mut tokens: TokenStream = "migrate; mod p; stage dual_write; table t".parse().expect("tokens");
        tokens.extend([TokenTree::from(Group::new(Delimiter::Brace, noise(&mut dice, 3)))]);
        tokens.extend(noise(&mut dice, 3));
        let text = tokens.to_string();
        let result = std::panic::catch_unwind(|| expansion(tokens));
        assert!(result.is_ok(), "seed {seed}: {text}");
    }
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
    ] {
        let text = deep(open, close).expect("tokens");
        assert!(text.contains("nested too deeply"), "{open}: {text}");
    }
}
