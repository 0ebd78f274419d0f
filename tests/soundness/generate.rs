//! Random expressions, most of them well-typed, over a row with columns of all kinds of types.
//!
//! Operators and functions are those of the catalog's data files, for the types listed here.

use fastrand::Rng;
use migrate_plan::expr::{Expr, Function, IsTest, Kind, Negated, Operator, Quantifier};
use migrate_plan::types::Type;

/// A column of the row.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub ty: Type,
    pub not_null: bool,
}

/// The types of values: `pg_type.typname`, and PostgreSQL's name for it.
pub const TYPES: [(&str, &str); 32] = [
    ("int2", "smallint"),
    ("int4", "integer"),
    ("int8", "bigint"),
    ("numeric", "numeric"),
    ("float4", "real"),
    ("float8", "double precision"),
    ("bool", "boolean"),
    ("text", "text"),
    ("varchar", "character varying"),
    ("bpchar", "character"),
    ("date", "date"),
    ("time", "time without time zone"),
    ("timetz", "time with time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timestamptz", "timestamp with time zone"),
    ("interval", "interval"),
    ("uuid", "uuid"),
    ("json", "json"),
    ("jsonb", "jsonb"),
    ("bytea", "bytea"),
    ("inet", "inet"),
    ("cidr", "cidr"),
    ("macaddr", "macaddr"),
    ("varbit", "bit varying"),
    ("int4range", "int4range"),
    ("numrange", "numrange"),
    ("daterange", "daterange"),
    ("int4multirange", "int4multirange"),
    ("tsvector", "tsvector"),
    ("point", "point"),
    ("money", "money"),
    ("oid", "oid"),
];

/// Ranges with the type between their bounds.
const RANGES: [(&str, &str); 3] = [("int4range", "int4"), ("numrange", "numeric"), ("daterange", "date")];

/// Elements of arrays.
const ELEMENTS: [&str; 6] = ["int4", "int8", "numeric", "text", "date", "bool"];

/// A type by its `typname`, `int4[]` for an array.
pub fn ty(word: &str) -> Option<Type> {
    let (name, array) = word.strip_suffix("[]").map_or((word, false), |name| (name, true));
    let (_, sql) = TYPES.iter().find(|(short, _)| *short == name)?;
    Some(Type { array, ..Type::named(sql) })
}

/// A type's `typname`.
pub fn word(ty: &Type) -> Option<String> {
    let plain = Type { modifiers: Vec::new(), fields: None, array: false, ..ty.clone() };
    let (short, _) = TYPES.iter().find(|(_, sql)| *sql == plain.to_string())?;
    Some(format!("{short}{}", if ty.array { "[]" } else { "" }))
}

/// A row of columns: of each type one that may be null, `c_int4`, and one that may not, `n_int4`.
pub fn columns() -> Vec<Column> {
    let scalars = TYPES.iter().map(|(short, _)| (*short).to_owned());
    let arrays = ELEMENTS.iter().map(|element| format!("{element}[]"));
    let column = |word: &str, not_null: bool| {
        let prefix = if not_null { "n" } else { "c" };
        let name = format!("{prefix}_{}", word.replace("[]", "_array"));
        ty(word).map(|ty| Column { name, ty, not_null })
    };
    scalars.chain(arrays).flat_map(|word| [column(&word, false), column(&word, true)]).flatten().collect()
}

/// A random expression over `columns`, of the type `wanted` if possible and else of any.
pub fn expression(rng: &mut Rng, wanted: Option<&Type>, columns: &[Column]) -> Expr<()> {
    let wanted = wanted.and_then(word).unwrap_or_else(|| any_word(rng));
    let depth = rng.usize(1..4);
    Generator { rng, columns }.value(&wanted, depth)
}

/// An expression that is probably wrong: operators and functions with values of random types.
pub fn wild(rng: &mut Rng, columns: &[Column]) -> Expr<()> {
    let mut generator = Generator { rng, columns };
    let row = crate::catalog::any(generator.rng);
    let arguments = row.takes.iter().map(|_| {
        let word = any_word(generator.rng);
        let depth = generator.rng.usize(0..2);
        generator.argument(&word, depth)
    });
    let arguments: Vec<Expr<()>> = arguments.collect();
    apply(&row.name, row.is_operator, arguments)
}

/// A value of a type as text, for constants and for the rows of a table.
pub fn value(rng: &mut Rng, word: &str) -> String {
    if let Some(element) = word.strip_suffix("[]") {
        let items: Vec<String> =
            (0..rng.usize(0..3)).map(|_| format!("\"{}\"", value(rng, element).replace('"', ""))).collect();
        return format!("{{{}}}", items.join(","));
    }
    let pick = |rng: &mut Rng, texts: &[&str]| texts[rng.usize(..texts.len())].to_owned();
    match word {
        "int2" | "int4" | "int8" => pick(rng, &["0", "1", "-1", "2", "7", "100", "-32768"]),
        "oid" => pick(rng, &["0", "1", "25"]),
        "numeric" => pick(rng, &["0", "1", "1.50", "-2.25", "100", "12345.678", "NaN"]),
        "float4" | "float8" => pick(rng, &["0", "1", "-1.5", "2.25", "1e10", "NaN", "Infinity"]),
        "money" => pick(rng, &["0", "1.50", "-3"]),
        "bool" => pick(rng, &["true", "false"]),
        "text" | "varchar" | "bpchar" => pick(rng, &["", "a", "12", "Some text", "2020-01-01", "a,b", "é"]),
        "date" => pick(rng, &["2020-01-31", "1999-12-31", "infinity", "2024-02-29"]),
        "time" => pick(rng, &["00:00", "12:34:56.5", "24:00"]),
        "timetz" => pick(rng, &["00:00+00", "12:34:56.5-03:30"]),
        "timestamp" => pick(rng, &["2020-01-31 12:00", "1999-12-31 23:59:59.999", "-infinity"]),
        "timestamptz" => pick(rng, &["2020-01-31 12:00+00", "1999-12-31 23:59:59.999-07", "infinity"]),
        "interval" => pick(rng, &["0", "1 day", "-1 mon 02:00", "36:00:00"]),
        "uuid" => pick(rng, &["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
        "json" | "jsonb" => pick(rng, &["null", "1", "{\"a\": 1, \"b\": [1, 2]}", "[1, \"x\"]", "\"a\"", "true"]),
        "bytea" => pick(rng, &["", "\\x00ff", "\\x616263"]),
        "inet" => pick(rng, &["10.0.0.1", "10.0.0.0/8", "::1"]),
        "cidr" => pick(rng, &["10.0.0.0/8", "::/0"]),
        "macaddr" => pick(rng, &["08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"]),
        "varbit" => pick(rng, &["", "101", "0000"]),
        "int4range" => pick(rng, &["empty", "[1,10)", "(,5]", "(,)"]),
        "numrange" => pick(rng, &["empty", "[1.5,10)", "(,5]"]),
        "daterange" => pick(rng, &["empty", "[2020-01-01,2020-02-01)", "(,2020-01-01]"]),
        "int4multirange" => pick(rng, &["{}", "{[1,3),[5,9)}", "{(,)}"]),
        "tsvector" => pick(rng, &["", "a:1 b:2"]),
        "point" => pick(rng, &["(0,0)", "(1,-2.5)"]),
        _ => String::new(),
    }
}

fn any_word(rng: &mut Rng) -> String {
    if rng.u8(..5) == 0 {
        return format!("{}[]", ELEMENTS[rng.usize(..ELEMENTS.len())]);
    }
    TYPES[rng.usize(..TYPES.len())].0.to_owned()
}

fn node(kind: Kind<()>) -> Expr<()> {
    Expr { span: (), kind }
}

fn boxed(expr: Expr<()>) -> Box<Expr<()>> {
    Box::new(expr)
}

fn negated(rng: &mut Rng) -> Negated {
    if rng.bool() { Negated::Yes } else { Negated::No }
}

fn call(name: &str, arguments: Vec<Expr<()>>) -> Expr<()> {
    node(Kind::Call(Function { schema: None, name: name.to_owned() }, arguments))
}

/// An operator or a function with its arguments.
fn apply(name: &str, is_operator: bool, mut arguments: Vec<Expr<()>>) -> Expr<()> {
    if !is_operator {
        return call(name, arguments);
    }
    let second = arguments.pop();
    match (arguments.pop(), second) {
        (Some(first), Some(second)) => {
            node(Kind::Binary(boxed(first), Operator::Symbol(name.to_owned()), boxed(second)))
        }
        (None, Some(only)) => node(Kind::Prefix(name.to_owned(), boxed(only))),
        _ => node(Kind::Null),
    }
}

struct Generator<'a> {
    rng: &'a mut Rng,
    columns: &'a [Column],
}

impl Generator<'_> {
    /// An expression of the type.
    fn value(&mut self, word: &str, depth: usize) -> Expr<()> {
        if depth == 0 {
            return self.leaf(word);
        }
        match self.rng.u8(..20) {
            0 | 1 => self.leaf(word),
            2 => self.case(word, depth - 1),
            3 => self.several("coalesce", word, depth - 1),
            4 => call("nullif", vec![self.value(word, depth - 1), self.argument(word, depth - 1)]),
            5 if !matches!(word, "json" | "point") => {
                let name = if self.rng.bool() { "greatest" } else { "least" };
                self.several(name, word, depth - 1)
            }
            6 | 7 => self.cast(word, depth - 1),
            8 if word.ends_with("[]") => self.array(word, depth - 1),
            8 if ELEMENTS.contains(&word) => {
                let array = self.value(&format!("{word}[]"), depth - 1);
                node(Kind::Index(boxed(array), boxed(self.argument("int4", 0))))
            }
            9..=12 if word == "bool" => self.condition(depth - 1),
            9 if word == "numeric" => {
                let from = ["date", "timestamp", "interval", "time", "timestamptz"][self.rng.usize(..5)];
                let field = ["epoch", "hour", "year", "day", "microseconds"][self.rng.usize(..5)];
                node(Kind::Extract(field.to_owned(), boxed(self.value(from, depth - 1))))
            }
            9 if word == "timestamp" || word == "timestamptz" => {
                let from = if word == "timestamp" { "timestamptz" } else { "timestamp" };
                let zone = node(Kind::Text("UTC".to_owned()));
                node(Kind::AtTimeZone(boxed(self.value(from, depth - 1)), boxed(zone)))
            }
            _ => match crate::catalog::giving(word, self.rng) {
                Some(row) => self.application(&row, word, depth - 1),
                None => self.leaf(word),
            },
        }
    }

    /// A value for an argument: now and then a bare constant, or of a type that becomes the wanted one.
    fn argument(&mut self, word: &str, depth: usize) -> Expr<()> {
        match self.rng.u8(..12) {
            0 | 1 => node(Kind::Text(value(self.rng, word))),
            2 => node(Kind::Null),
            3 => {
                let other = crate::catalog::becoming(word, self.rng).unwrap_or_else(|| word.to_owned());
                self.value(&other, depth)
            }
            _ => self.value(word, depth),
        }
    }

    fn application(&mut self, row: &crate::catalog::Row, wanted: &str, depth: usize) -> Expr<()> {
        let range = RANGES[self.rng.usize(..RANGES.len())];
        let element = match (row.gives.as_str(), wanted.strip_suffix("[]")) {
            ("anyelement" | "anycompatible" | "anynonarray", _) => wanted.to_owned(),
            (_, Some(element)) if row.gives.starts_with("any") => element.to_owned(),
            _ => ELEMENTS[self.rng.usize(..ELEMENTS.len())].to_owned(),
        };
        let of_range = RANGES.iter().find(|(range, _)| *range == wanted).copied().unwrap_or(range);
        let ranged = row.takes.iter().chain([&row.gives]).any(|word| word.contains("range") && word.starts_with("any"));
        let element = if ranged { of_range.1.to_owned() } else { element };
        let arguments = row.takes.iter().map(|takes| {
            let word = match takes.as_str() {
                "anyelement" | "anynonarray" | "anycompatible" | "anycompatiblenonarray" => element.clone(),
                "anyarray" | "anycompatiblearray" => format!("{element}[]"),
                "anyrange" | "anycompatiblerange" => of_range.0.to_owned(),
                "anymultirange" | "anycompatiblemultirange" => "int4multirange".to_owned(),
                "any" => any_word(self.rng),
                other => other.to_owned(),
            };
            self.argument(&word, depth)
        });
        let arguments: Vec<Expr<()>> = arguments.collect();
        apply(&row.name, row.is_operator, arguments)
    }

    fn leaf(&mut self, word: &str) -> Expr<()> {
        let Some(ty) = ty(word) else { return node(Kind::Null) };
        let columns: Vec<&Column> = self.columns.iter().filter(|column| column.ty == ty).collect();
        if !columns.is_empty() && self.rng.u8(..4) > 0 {
            return node(Kind::Column(columns[self.rng.usize(..columns.len())].name.clone()));
        }
        let text = value(self.rng, word);
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match word {
            "int4" | "numeric" if plain && (word == "numeric") == text.contains('.') => node(Kind::Number(text)),
            "bool" => node(Kind::Boolean(text == "true")),
            _ => node(Kind::Typed(ty, text)),
        }
    }

    fn several(&mut self, name: &str, word: &str, depth: usize) -> Expr<()> {
        let first = self.value(word, depth);
        let rest = (0..self.rng.usize(1..3)).map(|_| self.argument(word, depth));
        let arguments = std::iter::once(first).chain(rest.collect::<Vec<_>>()).collect();
        call(name, arguments)
    }

    fn cast(&mut self, word: &str, depth: usize) -> Expr<()> {
        let Some(to) = ty(word) else { return self.leaf(word) };
        let from = crate::catalog::cast_to(word, self.rng).unwrap_or_else(|| word.to_owned());
        node(Kind::Cast(boxed(self.argument(&from, depth)), to))
    }

    fn case(&mut self, word: &str, depth: usize) -> Expr<()> {
        let simple = self.rng.u8(..3) == 0;
        let of = any_word(self.rng);
        let operand = simple.then(|| boxed(self.value(&of, depth)));
        let arms = (0..self.rng.usize(1..3)).map(|_| {
            let when = if simple { self.argument(&of, depth) } else { self.condition(depth) };
            (when, self.argument(word, depth))
        });
        let arms: Vec<(Expr<()>, Expr<()>)> = arms.collect();
        let otherwise = (self.rng.u8(..3) > 0).then(|| boxed(self.value(word, depth)));
        node(Kind::Case { operand, arms, otherwise })
    }

    fn array(&mut self, word: &str, depth: usize) -> Expr<()> {
        let element = word.strip_suffix("[]").unwrap_or(word);
        let items: Vec<Expr<()>> = (0..self.rng.usize(1..4)).map(|_| self.argument(element, depth)).collect();
        node(Kind::Array(items))
    }

    fn condition(&mut self, depth: usize) -> Expr<()> {
        let word = any_word(self.rng);
        let depth = depth.min(1);
        match self.rng.u8(..12) {
            0 => node(Kind::Not(boxed(self.argument("bool", depth)))),
            1 => node(Kind::Is(boxed(self.value(&word, depth)), IsTest::Null, negated(self.rng))),
            2 => node(Kind::Is(boxed(self.argument("bool", depth)), IsTest::True, negated(self.rng))),
            3 => {
                let operator = if self.rng.bool() { Operator::And } else { Operator::Or };
                node(Kind::Binary(boxed(self.value("bool", depth)), operator, boxed(self.argument("bool", depth))))
            }
            4 => {
                let (low, high) = (self.argument(&word, depth), self.argument(&word, depth));
                node(Kind::Between(boxed(self.value(&word, depth)), negated(self.rng), boxed(low), boxed(high)))
            }
            5 => {
                let list = (0..self.rng.usize(1..4)).map(|_| self.argument(&word, depth)).collect();
                node(Kind::In(boxed(self.value(&word, depth)), negated(self.rng), list))
            }
            6 => {
                let not = negated(self.rng);
                let operator = [Operator::Like(not), Operator::ILike(not), Operator::Similar(not)];
                let operator = operator[self.rng.usize(..3)].clone();
                node(Kind::Binary(boxed(self.value("text", depth)), operator, boxed(self.argument("text", depth))))
            }
            7 => {
                let operator = Operator::Distinct(negated(self.rng));
                node(Kind::Binary(boxed(self.value(&word, depth)), operator, boxed(self.argument(&word, depth))))
            }
            8 => {
                let element = ELEMENTS[self.rng.usize(..ELEMENTS.len())];
                let array = self.value(&format!("{element}[]"), depth);
                let quantifier = if self.rng.bool() { Quantifier::Any } else { Quantifier::All };
                let symbol = ["=", "<", ">=", "<>"][self.rng.usize(..4)].to_owned();
                node(Kind::Quantified(boxed(self.argument(element, depth)), symbol, quantifier, boxed(array)))
            }
            _ => {
                let symbol = ["=", "<>", "<", ">", "<=", ">="][self.rng.usize(..6)];
                apply(symbol, true, vec![self.value(&word, depth), self.argument(&word, depth)])
            }
        }
    }
}
