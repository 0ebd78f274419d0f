//! Random changes with conversions written out.

use fastrand::Rng;
use migrate_plan::conversion::{Judgement, judge};
use migrate_plan::declaration::Change;
use migrate_plan::expr::{Expr, Function, Kind, Operator};
use migrate_plan::types::Type;

use super::{change, ty};

fn node(kind: Kind<()>) -> Expr<()> {
    Expr { span: (), kind }
}

fn col(name: &str) -> Expr<()> {
    node(Kind::Column(name.to_owned()))
}

fn number(text: &str) -> Expr<()> {
    match text.strip_prefix('-') {
        Some(rest) => node(Kind::Prefix("-".to_owned(), Box::new(number(rest)))),
        None => node(Kind::Number(text.to_owned())),
    }
}

fn text(text: &str) -> Expr<()> {
    node(Kind::Text(text.to_owned()))
}

fn binary(a: Expr<()>, symbol: &str, b: Expr<()>) -> Expr<()> {
    node(Kind::Binary(Box::new(a), Operator::Symbol(symbol.to_owned()), Box::new(b)))
}

fn call(name: &str, arguments: Vec<Expr<()>>) -> Expr<()> {
    node(Kind::Call(Function { schema: None, name: name.to_owned() }, arguments))
}

fn cast(value: Expr<()>, to: &Type) -> Expr<()> {
    node(Kind::Cast(Box::new(value), to.clone()))
}

fn pick<'a, T>(rng: &mut Rng, list: &'a [T]) -> &'a T {
    &list[rng.usize(..list.len())]
}

/// A random change of numbers by arithmetic with constants.
pub(super) fn arithmetic(rng: &mut Rng) -> Change<()> {
    let numbers = [
        ty("smallint", &[]),
        ty("integer", &[]),
        ty("bigint", &[]),
        ty("numeric", &[12, 2]),
        ty("numeric", &[5, 3]),
        ty("numeric", &[18, 4]),
        ty("numeric", &[3, 0]),
        ty("numeric", &[]),
    ];
    let (old, new) = (pick(rng, &numbers).clone(), pick(rng, &numbers).clone());
    let constants = ["1", "2", "3", "10", "100", "1000", "100.0", "0.5", "1.25", "0.01", "-1", "7", "-100"];
    let steps = ["+", "-", "*", "/"];
    let inverse = |symbol: &str| match symbol {
        "+" => "-",
        "-" => "+",
        "*" => "/",
        _ => "*",
    };
    let (symbol, constant) = (*pick(rng, &steps), *pick(rng, &constants));
    // The inverse, mostly; sometimes the same number is written with other digits.
    let back = match (constant, rng.u8(..4)) {
        ("100", 0) => "100.0",
        ("100.0", 0) => "100",
        ("2", 0) => "3",
        (same, _) => same,
    };
    let (mut up, mut down) =
        (binary(col("x"), symbol, number(constant)), binary(col("y"), inverse(symbol), number(back)));
    if rng.u8(..3) == 0 {
        let (shift, other) = (*pick(rng, &constants), *pick(rng, &steps[..2]));
        up = binary(up, other, number(shift));
        down = binary(binary(col("y"), inverse(other), number(shift)), inverse(symbol), number(back));
    }
    let to_round = |expr: Expr<()>, rng: &mut Rng| match rng.u8(..5) {
        0 => call("round", vec![expr, number(["0", "1", "2", "3"][rng.usize(..4)])]),
        1 => cast(call("round", vec![expr]), &Type::named("bigint")),
        2 => cast(expr, &Type::named("numeric")),
        _ => expr,
    };
    if rng.bool() {
        up = to_round(up, rng);
    }
    if rng.u8(..4) == 0 {
        down = to_round(down, rng);
    }
    if rng.bool() {
        up = cast(up, &new);
    }
    change(old, new, Some((up, down)))
}

/// A random change of texts: something before or after, null as a text, a table of constants.
pub(super) fn of_texts(rng: &mut Rng) -> Change<()> {
    let texts = [
        ty("text", &[]),
        ty("character varying", &[40]),
        ty("smallint", &[]),
        ty("bigint", &[]),
        ty("character", &[3]),
    ];
    let old = pick(rng, &texts).clone();
    let word = *pick(rng, &["", "a", "none", "g-", "0"]);
    let length = word.chars().count();
    let as_text = |value: Expr<()>| cast(value, &Type::named("text"));
    let (up, down) = match rng.u8(..7) {
        0 => (
            binary(text(word), "||", as_text(col("x"))),
            call("substr", vec![col("y"), number(&(length + 1).to_string())]),
        ),
        1 => {
            (binary(text(word), "||", as_text(col("x"))), call("right", vec![col("y"), number(&format!("-{length}"))]))
        }
        2 => (binary(as_text(col("x")), "||", text(word)), call("left", vec![col("y"), number(&format!("-{length}"))])),
        3 => (call("coalesce", vec![as_text(col("x")), text(word)]), call("nullif", vec![col("y"), text(word)])),
        4 => (call("nullif", vec![as_text(col("x")), text(word)]), call("coalesce", vec![col("y"), text(word)])),
        5 => (call(["upper", "lower", "btrim"][rng.usize(..3)], vec![as_text(col("x"))]), col("y")),
        _ => {
            let arms = |pairs: [(&str, &str); 2]| pairs.map(|(when, then)| (text(when), text(then))).to_vec();
            let table = |value: &str, pairs, otherwise: Option<Expr<()>>| {
                node(Kind::Case {
                    operand: Some(Box::new(col(value))),
                    arms: arms(pairs),
                    otherwise: otherwise.map(Box::new),
                })
            };
            let rest = rng.bool();
            let otherwise = |name: &str| rest.then(|| col(name));
            return change(
                ty("text", &[]),
                ty("text", &[]),
                Some((
                    table("x", [("a", "1"), ("b", word)], otherwise("x")),
                    table("y", [("1", "a"), (word, "b")], otherwise("y")),
                )),
            );
        }
    };
    let down = cast(down, &old);
    let mut made = change(old, ty("text", &[]), Some((up, down)));
    made.old.not_null = rng.bool();
    made
}

/// A random change of a type with few values.
pub(super) fn of_few(rng: &mut Rng) -> Change<()> {
    let truth = node(Kind::Column("x".to_owned()));
    let numbers = ["0", "1", "2"];
    let (yes, no) = (*pick(rng, &numbers), *pick(rng, &numbers));
    let up =
        node(Kind::Case { operand: None, arms: vec![(truth, number(yes))], otherwise: Some(Box::new(number(no))) });
    let (symbol, compared) = (*pick(rng, &["=", "<>", ">"]), *pick(rng, &numbers));
    let down = binary(col("y"), symbol, number(compared));
    let mut made = change(ty("boolean", &[]), ty("integer", &[]), Some((up, down)));
    made.old.not_null = rng.bool();
    made
}

/// A random chain of casts.
pub(super) fn chain(rng: &mut Rng) -> Change<()> {
    let types =
        ["smallint", "integer", "bigint", "numeric", "text", "character varying", "boolean", "uuid", "date", "json"];
    let one = |rng: &mut Rng| match *pick(rng, &types) {
        "numeric" if rng.bool() => ty("numeric", &[9, 3]),
        name => ty(name, &[]),
    };
    loop {
        let (old, middle, new) = (one(rng), one(rng), one(rng));
        let comes = |a: &Type, b: &Type| !matches!(judge(a, b), Judgement::Impossible(_));
        if [(&old, &middle), (&middle, &new)].iter().all(|(a, b)| comes(a, b) && comes(b, a)) {
            let up = cast(cast(col("x"), &middle), &new);
            let down = cast(cast(col("y"), &middle), &old);
            return change(old, new, Some((up, down)));
        }
    }
}
