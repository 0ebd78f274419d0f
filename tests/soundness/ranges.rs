//! Ranges: every value that PostgreSQL computes lies in the computed range, and what is said not to
//! overflow does not.

use fastrand::Rng;
use migrate_plan::expr::{Expr, Function, Kind, Negated, Operator, infer};
use migrate_plan::range::{self, Decimal, Extent, Interval, held};
use migrate_plan::types::{Category, Type};

use crate::server;

/// A column of the table that expressions read.
struct Field {
    name: &'static str,
    ty: Type,
    /// The declared bound, where there is one.
    bound: Option<(Decimal, Decimal)>,
    values: &'static [&'static str],
}

fn ty(name: &str, modifiers: &[i32]) -> Type {
    Type { modifiers: modifiers.iter().map(ToString::to_string).collect(), ..Type::named(name) }
}

fn bound(low: &str, high: &str) -> Option<(Decimal, Decimal)> {
    Decimal::parse(low).zip(Decimal::parse(high))
}

fn fields() -> Vec<Field> {
    let field = |name, ty, bound, values| Field { name, ty, bound, values };
    vec![
        field("s", ty("smallint", &[]), None, &["-32768", "32767", "0", "1", "-1", "100"]),
        field("i", ty("integer", &[]), None, &["-2147483648", "2147483647", "0", "1", "-1", "46341"]),
        field("b", ty("bigint", &[]), None, &["-9223372036854775808", "9223372036854775807", "0", "7", "-1"]),
        field("k", ty("integer", &[]), bound("1", "9"), &["1", "9", "3", "7"]),
        field("l", ty("bigint", &[]), bound("-1000", "1000"), &["-1000", "1000", "0", "-1", "999"]),
        field("n", ty("numeric", &[6, 2]), None, &["-9999.99", "9999.99", "0.00", "0.01", "-0.01", "2.50"]),
        field("m", ty("numeric", &[12, 4]), bound("0", "5000"), &["0.0000", "5000.0000", "0.0001", "3.3333"]),
        field(
            "u",
            ty("numeric", &[]),
            bound("-10", "10"),
            &["-10", "10", "0", "0.000000001", "9.99999999999999999999"],
        ),
        field("w", ty("numeric", &[3, server::least_scale()]), None, &["-900", "900", "0", "100"]),
        field("t", ty("character varying", &[8]), None, &["", "a", "abcdefgh", "  a  ", "ßüé", "12"]),
        field("x", ty("text", &[]), bound("0", "5"), &["", "abcde", " ", "a b", "Zz"]),
        field("c", ty("character", &[4]), None, &["", "ab", "abcd", " x"]),
        field("y", ty("boolean", &[]), None, &["true", "false"]),
        field("d", ty("date", &[]), None, &["2020-02-29", "4713-01-01 BC", "5874897-12-31", "1999-12-31"]),
        field(
            "at",
            ty("timestamp without time zone", &[]),
            None,
            &["2020-02-29 23:59:59.999999", "294276-12-31 23:59:59", "4713-01-02 00:00:00 BC"],
        ),
    ]
}

impl Field {
    fn extent(&self) -> Extent {
        let Some((low, high)) = self.bound else { return held(&self.ty) };
        let within = Interval::new(low, high, None);
        match held(&self.ty) {
            Extent::Number(all) => all.meet(&within).map_or(Extent::Unknown, Extent::Number),
            Extent::Length(all) => all.meet(&within).map_or(Extent::Unknown, Extent::Length),
            other => other,
        }
    }
}

/// Makes random expressions that are well typed.
struct Maker<'a> {
    rng: Rng,
    fields: &'a [Field],
}

fn node(kind: Kind<()>) -> Expr<()> {
    Expr { span: (), kind }
}

fn call(name: &str, arguments: Vec<Expr<()>>) -> Expr<()> {
    node(Kind::Call(Function { schema: None, name: name.to_owned() }, arguments))
}

fn binary(a: Expr<()>, symbol: &str, b: Expr<()>) -> Expr<()> {
    node(Kind::Binary(Box::new(a), Operator::Symbol(symbol.to_owned()), Box::new(b)))
}

impl Maker<'_> {
    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.rng.usize(..list.len())]
    }

    fn column(&mut self, categories: &[Category]) -> Expr<()> {
        let fitting: Vec<&str> = self
            .fields
            .iter()
            .filter(|field| categories.contains(&field.ty.category()))
            .map(|field| field.name)
            .collect();
        node(Kind::Column(self.pick(&fitting).to_owned()))
    }

    fn literal(&mut self) -> Expr<()> {
        let numbers =
            ["0", "1", "2", "3", "7", "10", "100", "0.5", "1.25", "100.0", "32767", "40000", "3000000000", "0.001"];
        let number = node(Kind::Number(self.pick(&numbers).to_owned()));
        if self.rng.u8(..6) == 0 { node(Kind::Prefix("-".to_owned(), Box::new(number))) } else { number }
    }

    fn small(&mut self) -> Expr<()> {
        node(Kind::Number(self.pick(&["0", "1", "2", "3", "5"]).to_owned()))
    }

    fn number(&mut self, depth: u32) -> Expr<()> {
        if depth == 0 {
            return if self.rng.u8(..3) == 0 { self.literal() } else { self.column(&[Category::Number]) };
        }
        let below = depth - 1;
        match self.rng.u8(..26) {
            0..=2 => binary(self.number(below), "+", self.number(below)),
            3..=4 => binary(self.number(below), "-", self.number(below)),
            5..=7 => binary(self.number(below), "*", self.number(below)),
            8 => binary(self.number(below), "/", self.number(below)),
            9 => {
                let divisor = call("nullif", vec![self.number(below), node(Kind::Number("0".to_owned()))]);
                binary(self.number(below), "/", divisor)
            }
            10 => binary(self.number(below), "%", self.number(below)),
            11 => node(Kind::Prefix("-".to_owned(), Box::new(self.number(below)))),
            12 => {
                let name = self.pick(&["abs", "sign", "floor", "ceil", "trunc", "round"]);
                call(name, vec![self.number(below)])
            }
            13 => {
                let name = self.pick(&["round", "trunc"]);
                let value = node(Kind::Cast(Box::new(self.number(below)), Type::named("numeric")));
                let places = self.pick(&["0", "1", "2", "5"]);
                call(name, vec![value, node(Kind::Number(places.to_owned()))])
            }
            14 => {
                let name = self.pick(&["greatest", "least", "coalesce"]);
                call(name, vec![self.number(below), self.number(below)])
            }
            15 => call("nullif", vec![self.number(below), self.literal()]),
            16 => {
                let name = self.pick(&["mod", "div"]);
                let exact = |value| node(Kind::Cast(Box::new(value), Type::named("numeric")));
                call(name, vec![exact(self.number(below)), exact(self.number(below))])
            }
            17 => {
                let to = [
                    ty("integer", &[]),
                    ty("bigint", &[]),
                    ty("smallint", &[]),
                    ty("numeric", &[]),
                    ty("numeric", &[8, 1]),
                    ty("numeric", &[20, 6]),
                ];
                let to = to[self.rng.usize(..to.len())].clone();
                node(Kind::Cast(Box::new(self.number(below)), to))
            }
            18..=19 => self.case(below),
            20 => {
                let name = self.pick(&["length", "char_length", "octet_length"]);
                call(name, vec![self.text(below)])
            }
            21 => {
                let field = self.pick(&["year", "month", "day", "dow", "isodow", "doy", "week", "quarter", "epoch"]);
                node(Kind::Extract(field.to_owned(), Box::new(self.column(&[Category::Time]))))
            }
            22 => {
                let field = self.pick(&["hour", "minute", "second"]);
                node(Kind::Extract(field.to_owned(), Box::new(node(Kind::Column("at".to_owned())))))
            }
            23 => {
                let base = node(Kind::Cast(Box::new(self.number(0)), Type::named("numeric")));
                binary(base, "^", node(Kind::Number(self.pick(&["1", "2", "3"]).to_owned())))
            }
            24 => {
                let column = self.column(&[Category::Number]);
                binary(column.clone(), "*", column)
            }
            _ => node(Kind::Cast(Box::new(self.column(&[Category::Boolean])), Type::named("integer"))),
        }
    }

    fn condition(&mut self) -> Expr<()> {
        let column = self.column(&[Category::Number]);
        let compared = |maker: &mut Self, column| {
            let symbol = maker.pick(&["=", "<>", "<", ">", "<=", ">="]);
            binary(column, symbol, maker.literal())
        };
        match self.rng.u8(..6) {
            0 => {
                let other = self.column(&[Category::Number]);
                let (a, b) = (compared(self, column), compared(self, other));
                node(Kind::Binary(Box::new(a), if self.rng.bool() { Operator::And } else { Operator::Or }, Box::new(b)))
            }
            1 => node(Kind::Not(Box::new(compared(self, column)))),
            2 => {
                let (a, b) = (self.literal(), self.literal());
                node(Kind::Between(Box::new(column), Negated::No, Box::new(a), Box::new(b)))
            }
            3 => node(Kind::Is(Box::new(column), migrate_plan::expr::IsTest::Null, Negated::Yes)),
            _ => compared(self, column),
        }
    }

    fn case(&mut self, below: u32) -> Expr<()> {
        let arms = (0..self.rng.usize(1..3)).map(|_| (self.condition(), self.number(below))).collect();
        let otherwise = self.rng.bool().then(|| Box::new(self.number(below)));
        node(Kind::Case { operand: None, arms, otherwise })
    }

    fn text(&mut self, depth: u32) -> Expr<()> {
        if depth == 0 {
            return match self.rng.u8(..4) {
                0 => node(Kind::Text(self.pick(&["", "a", "xyz", "é ", "long enough"]).to_owned())),
                _ => self.column(&[Category::Text]),
            };
        }
        let below = depth - 1;
        let of = |value: Expr<()>| node(Kind::Cast(Box::new(value), Type::named("text")));
        match self.rng.u8(..12) {
            0..=1 => binary(of(self.text(below)), "||", self.text(below)),
            2 => binary(of(self.text(below)), "||", of(self.column(&[Category::Number]))),
            3 => {
                let name = self.pick(&["upper", "lower", "btrim", "ltrim", "rtrim", "reverse", "initcap"]);
                call(name, vec![of(self.text(below))])
            }
            4 => {
                let name = self.pick(&["left", "right"]);
                let mut count = self.small();
                if self.rng.bool() {
                    count = node(Kind::Prefix("-".to_owned(), Box::new(count)));
                }
                call(name, vec![of(self.text(below)), count])
            }
            5 => call("substr", vec![of(self.text(below)), self.small(), self.small()]),
            6 => call("substr", vec![of(self.text(below)), self.small()]),
            7 => {
                let name = self.pick(&["lpad", "rpad"]);
                call(name, vec![of(self.text(below)), self.small(), node(Kind::Text("*".to_owned()))])
            }
            8 => {
                let texts = ["a", "b", "", "xx", "abc"].map(|text| node(Kind::Text(text.to_owned())));
                let (from, to) = (texts[self.rng.usize(..5)].clone(), texts[self.rng.usize(..5)].clone());
                call("replace", vec![of(self.text(below)), from, to])
            }
            9 => call("repeat", vec![of(self.text(below)), self.small()]),
            10 => call("coalesce", vec![of(self.text(below)), of(self.text(below))]),
            _ => of(self.number(below)),
        }
    }
}

/// Everything of an expression is known: nothing that could fail was passed over.
fn is_certain(expr: &Expr<()>, columns: &range::Columns<'_>) -> bool {
    let of_column = |name: &str| columns(name).map(|(ty, _)| ty);
    let mut certain = true;
    expr.walk(&mut |node| {
        let exact = matches!(node.kind, Kind::Null | Kind::Text(_))
            || infer(node, &of_column, &mut Vec::new()).is_some_and(|ty| {
                matches!(ty.category(), Category::Boolean | Category::Time)
                    || !matches!(range::of(node, &range::typed(node, columns), columns, &[]).0, Extent::Unknown)
            });
        certain &= exact;
    });
    certain
}

#[derive(Debug, Default)]
struct Tally {
    expressions: usize,
    numbers: usize,
    lengths: usize,
    certain: usize,
    found: usize,
    /// Expressions with a finding that the corners of the columns make PostgreSQL refuse.
    refused: usize,
}

#[test]
fn every_value_lies_in_the_range_and_what_is_said_to_fit_does() {
    let fields = fields();
    let (_database, mut client) = server::fresh();
    let columns: Vec<String> = fields.iter().map(|field| format!("{} {}", field.name, field.ty)).collect();
    server::run(&mut client, &format!("CREATE TABLE given ({})", columns.join(", ")));
    let mut maker = Maker { rng: Rng::with_seed(server::seed()), fields: &fields };
    for _ in 0..40 {
        let mut row = Vec::new();
        for field in &fields {
            let value = field.values[maker.rng.usize(..field.values.len())];
            row.push(if maker.rng.u8(..12) == 0 { "NULL".to_owned() } else { format!("'{value}'") });
        }
        server::run(&mut client, &format!("INSERT INTO given VALUES ({})", row.join(", ")));
    }
    let lookup = |name: &str| {
        let field = fields.iter().find(|field| field.name == name)?;
        Some((field.ty.clone(), field.extent()))
    };
    let mut tally = Tally::default();
    for _ in 0..1_050 * crate::scale() {
        let depth = maker.rng.u32(1..4);
        let numeric = maker.rng.u8(..3) > 0;
        let expr = if numeric { maker.number(depth) } else { maker.text(depth) };
        let (extent, findings) = range::of(&expr, &range::typed(&expr, &lookup), &lookup, &[]);
        tally.expressions += 1;
        let measured = if numeric { format!("({expr})::text") } else { format!("char_length(({expr})::text)::text") };
        let answer = server::rows(&mut client, &format!("SELECT {measured} FROM given"));
        let values = match answer {
            Ok(values) => values,
            Err(state) => {
                let overflow = ["22003", "22012", "22001", "2201F"].contains(&state.as_str());
                // An operator that there is not.
                if state.starts_with("42") {
                    tally.expressions -= 1;
                    continue;
                }
                assert!(overflow || state.starts_with("22") || state == "0A000", "{expr}: {state}");
                let claims = findings.is_empty() && is_certain(&expr, &lookup);
                assert!(!(claims && overflow), "{expr} is said to fit, in {extent:?}: PostgreSQL answers {state}");
                tally.refused += usize::from(!findings.is_empty());
                tally.found += usize::from(!findings.is_empty());
                continue;
            }
        };
        tally.found += usize::from(!findings.is_empty());
        tally.certain += usize::from(findings.is_empty() && is_certain(&expr, &lookup));
        for value in values.into_iter().filter_map(|mut row| row.remove(0)) {
            check(&expr, extent, numeric, &value, &mut tally);
        }
    }
    println!("{tally:?}");
    assert!(tally.numbers > 100 && tally.lengths > 100 && tally.certain > 30 && tally.refused > 5, "{tally:?}");
}

fn check(expr: &Expr<()>, extent: Extent, numeric: bool, value: &str, tally: &mut Tally) {
    let interval = match (extent, numeric) {
        (Extent::Number(interval), true) => {
            tally.numbers += 1;
            interval
        }
        (Extent::Length(interval), false) => {
            tally.lengths += 1;
            interval
        }
        (Extent::Null, _) => panic!("{expr} is said to be null, and is {value}"),
        _ => return,
    };
    let Some(number) = Decimal::parse(value) else { return };
    assert!(interval.has(number), "{expr} is {value}, outside of {interval:?}");
    if let Some(scale) = interval.scale {
        assert!(number.trimmed().scale() <= scale, "{expr} is {value}, with more than {scale} digits");
    }
}
