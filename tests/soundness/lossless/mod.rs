//! Conversions: what is judged lossless comes back from the server to the last bit, and what is said not to
//! come back does not.

mod changes;

use fastrand::Rng;
use migrate_plan::conversion::trip::{Trip, follow};
use migrate_plan::conversion::{Judgement, effective, is_plain, judge};
use migrate_plan::declaration::{Change, Column, Name};
use migrate_plan::expr::Expr;
use migrate_plan::types::{Image, Type};
use postgres::Client;

use self::changes::{arithmetic, chain, of_few, of_texts};
use crate::server;

fn ty(name: &str, modifiers: &[i32]) -> Type {
    Type { modifiers: modifiers.iter().map(ToString::to_string).collect(), ..Type::named(name) }
}

fn column(name: &str, ty: Type) -> Column<()> {
    Column {
        name: Name { text: name.to_owned(), span: () },
        ty,
        ty_span: (),
        not_null: false,
        default: None,
        bound: None,
    }
}

fn change(old: Type, new: Type, conversions: Option<(Expr<()>, Expr<()>)>) -> Change<()> {
    let (up, down) = conversions.map_or((None, None), |(up, down)| (Some(up), Some(down)));
    Change { old: column("x", old), new: column("y", new), up, down, lossy: None }
}

/// The types that pairs are made of, and values of each: corners, and what is easily taken for another.
const TYPES: [(&str, &[&str]); 27] = [
    ("smallint", &["0", "1", "-1", "32767", "-32768", "99", "10"]),
    ("integer", &["0", "-1", "2147483647", "-2147483648", "16777217", "100"]),
    ("bigint", &["0", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993", "12"]),
    ("numeric", &["0", "1.50", "-0.005", "NaN", "99999999999999999999.5", "0.00", "12"]),
    ("real", &["0", "-0", "0.1", "16777217", "3.4e38", "NaN", "1e-40"]),
    ("double precision", &["0", "-0", "0.1", "1e308", "0.1234567890123456", "-Infinity", "9007199254740993"]),
    ("boolean", &["true", "false"]),
    ("text", &["", " ", "a ", "012", "abc", "ß", "true", "1.50", "{\"a\": 1}", "long enough to be cut off"]),
    ("character varying", &["", " ", "a ", "abc", "ßé"]),
    ("character", &["", "a", "ab", " b"]),
    ("uuid", &["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    ("json", &["{\"b\": 1,  \"a\": 2}", "[1, 2]", "null", "1.50"]),
    ("jsonb", &["{\"b\": 1.50, \"a\": [null]}", "[1, 2]", "\"x\""]),
    ("date", &["2020-02-29", "0001-01-01 BC", "infinity", "294276-12-31"]),
    ("time without time zone", &["00:00:00", "24:00:00", "12:34:56.123456"]),
    ("timestamp without time zone", &["2020-02-29 23:59:59.999999", "infinity", "0001-01-01 00:00:00 BC"]),
    ("timestamp with time zone", &["2020-02-29 23:59:59.999999Z", "-infinity"]),
    ("interval", &["1 mon -1 day 00:00:00.000001", "24:00:00", "0"]),
    ("bit", &["1", "0"]),
    ("bit varying", &["1", "0", "101", ""]),
    ("inet", &["10.1.2.3/8", "10.0.0.1", "::1"]),
    ("cidr", &["10.0.0.0/8", "10.0.0.1/32", "::/0"]),
    ("macaddr", &["08:00:2b:01:02:03"]),
    ("macaddr8", &["08:00:2b:ff:fe:01:02:03", "08:00:2b:01:02:03:04:05"]),
    ("oid", &["0", "4294967295", "12"]),
    ("name", &["", "abc", "012"]),
    ("pg_lsn", &["0/0", "FFFFFFFF/FFFFFFFF"]),
];

fn random_type(rng: &mut Rng) -> (Type, Vec<String>) {
    let (name, values) = TYPES[rng.usize(..TYPES.len())];
    let modifiers = match name {
        "numeric" if rng.u8(..4) > 0 => {
            let precision = rng.i32(1..20);
            vec![precision, rng.i32(server::least_scale()..=precision)]
        }
        "character varying" if rng.u8(..4) > 0 => vec![rng.i32(1..45)],
        "character" => vec![rng.i32(1..45)],
        "bit" => vec![[1, 3, 32, 64][rng.usize(..4)]],
        "bit varying" if rng.bool() => vec![rng.i32(1..66)],
        name if (name.starts_with("time") || name == "interval") && rng.bool() => vec![rng.i32(0..7)],
        _ => Vec::new(),
    };
    let array = rng.u8(..6) == 0;
    let ty = Type { array, ..ty(name, &modifiers) };
    let mut values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
    match (name, modifiers.as_slice()) {
        ("bit", [length]) => {
            values = ["0", "1", "10"].map(|part| part.repeat(64)[..*length as usize].to_owned()).to_vec();
        }
        ("numeric", [precision, scale]) => {
            let digits = "9".repeat(*precision as usize);
            values.push(format!("{digits}e{}", -scale));
            values.push(format!("-1e{}", -scale));
        }
        _ => {}
    }
    if array {
        let quoted: Vec<String> =
            values.iter().map(|value| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))).collect();
        values = vec!["{}".to_owned(), format!("{{{}}}", quoted.join(",")), "{NULL}".to_owned()];
    }
    (ty, values)
}

/// A way there and back on the server: a table with the old column, the new one, and what comes back.
struct Way<'a> {
    client: &'a mut Client,
    change: &'a Change<()>,
}

/// What became of a value.
#[derive(Debug, PartialEq)]
enum Came {
    Back,
    /// As this.
    Changed(String),
    /// `down` raises this.
    Refused(String),
    /// It is no value of the old type, or `up` raises this.
    Never(String),
}

impl Way<'_> {
    fn prepare(&mut self) {
        let (old, new) = (&self.change.old.ty, &self.change.new.ty);
        server::run(
            self.client,
            &format!("DROP TABLE IF EXISTS way; CREATE TEMP TABLE way (x {0}, y {1}, back {0})", old.sql(), new.sql()),
        );
    }

    fn go(&mut self, value: &str) -> Came {
        let (up, down) = effective(self.change);
        let image = Image::of(&self.change.old.ty);
        let literal = value.replace('\'', "''");
        let constant = if value == "null" { "NULL".to_owned() } else { format!("'{literal}'") };
        server::run(self.client, "TRUNCATE way");
        if let Err(state) = server::rows(self.client, &format!("INSERT INTO way (x) VALUES ({constant})")) {
            return Came::Never(state);
        }
        if let Err(state) = server::rows(self.client, &format!("UPDATE way SET y = {up}")) {
            assert!(state.starts_with("22") || state == "0A000", "{up} for {value}: {state}");
            return Came::Never(state);
        }
        if let Err(state) = server::rows(self.client, &format!("UPDATE way SET back = {down}")) {
            assert!(state.starts_with("22") || state == "0A000", "{down} for {value}: {state}");
            return Came::Refused(state);
        }
        let answer = server::rows(self.client, &format!("SELECT {}, back::text FROM way", image.same("x", "back")));
        let row = answer.expect("an answer").remove(0);
        if row[0].as_deref() == Some("t") {
            Came::Back
        } else {
            Came::Changed(row[1].clone().unwrap_or("null".to_owned()))
        }
    }
}

#[test]
fn what_is_judged_lossless_comes_back_to_the_last_bit() {
    let (_database, mut client) = server::fresh();
    let mut rng = Rng::with_seed(server::seed());
    let (mut lossless, mut partial, mut examples, mut values) = (0, 0, 0, 0);
    let mut tried = 0;
    while lossless + partial < 500 * crate::scale() {
        tried += 1;
        let (old, given) = random_type(&mut rng);
        let (new, _) = random_type(&mut rng);
        let judgement = judge(&old, &new);
        let change = change(old.clone(), new.clone(), None);
        let mut way = Way { client: &mut client, change: &change };
        match &judgement {
            Judgement::Lossless | Judgement::Partial => {
                assert!(is_plain(&old, &new), "{old} to {new}");
                way.prepare();
                for value in &given {
                    values += 1;
                    match (way.go(value), &judgement) {
                        (Came::Back, _) | (Came::Never(_), Judgement::Partial) => {}
                        // Blanks at the end of a text that is too long: its range does not fit, and says so.
                        (Came::Changed(_), Judgement::Partial) if value.ends_with(' ') => {}
                        // `NaN` is in no range.
                        (Came::Never(state), _) if value == "NaN" && state == "0A000" => {}
                        // It is no value of this length or precision.
                        (Came::Never(_), _)
                            if server::rows(
                                way.client,
                                &format!("SELECT '{}'::{}", value.replace('\'', "''"), old.sql()),
                            )
                            .is_err()
                                || server::rows(way.client, "SELECT FROM way").is_ok_and(|rows| rows.is_empty()) => {}
                        (came, _) => panic!("{old} to {new} is {judgement:?}, and {value} {came:?}"),
                    }
                }
                if judgement == Judgement::Lossless { lossless += 1 } else { partial += 1 }
            }
            Judgement::Lossy(loss) if tried % 8 == 0 && is_plain(&old, &new) && !old.array => {
                let Some((value, back)) = &loss.example else { continue };
                way.prepare();
                let came = way.go(value.trim_matches('"'));
                let shown = matches!(&came, Came::Changed(_) | Came::Never(_));
                assert!(shown, "{old} to {new}: {value} should not come back, but {came:?} ({back})");
                examples += 1;
            }
            _ => {}
        }
    }
    println!(
        "{tried} pairs: {lossless} lossless and {partial} partial with {values} values, {examples} examples of a loss"
    );
    assert!(lossless > 20 && partial > 5 && examples > 0);
}

fn values_of(ty: &Type, rng: &mut Rng) -> Vec<String> {
    let name = ty.builtin().map_or("", |builtin| builtin.name);
    let listed = TYPES.iter().find(|(listed, _)| *listed == name).map_or(&[][..], |(_, values)| *values);
    let mut values: Vec<String> = listed.iter().map(|value| (*value).to_owned()).collect();
    values.extend(["null", "a", "none", "1", "2", "g-", "0", "A", " a"].map(str::to_owned));
    let scale = ty.modifiers.get(1).and_then(|scale| scale.parse::<i32>().ok()).unwrap_or(0);
    for _ in 0..6 {
        values.push(format!("{}e{}", rng.i64(-10_000_000_000..10_000_000_000) >> rng.u32(..30), -scale));
    }
    if let (Some(Ok(precision)), "numeric") = (ty.modifiers.first().map(|text| text.parse::<usize>()), name) {
        values.push(format!("{}e{}", "9".repeat(precision), -scale));
    }
    if matches!(name, "smallint" | "integer" | "bigint") {
        values.retain(|value| !value.contains('e'));
        values.extend((0..6).map(|_| (rng.i64(..) >> rng.u32(..63)).to_string()));
    }
    values
}

#[test]
fn what_is_shown_to_come_back_does_and_a_value_that_is_named_does_not() {
    let (_database, mut client) = server::fresh();
    let mut rng = Rng::with_seed(server::seed());
    let (mut shown, mut broken, mut open) = (0, 0, 0);
    while shown + broken < 550 * crate::scale() {
        let change = match rng.u8(..6) {
            0..=2 => arithmetic(&mut rng),
            3 => of_texts(&mut rng),
            4 => of_few(&mut rng),
            _ => chain(&mut rng),
        };
        let trip = follow(&change);
        let (up, down) = effective(&change);
        let shape = format!("{} => {}: {up} and {down}", change.old.ty, change.new.ty);
        let mut way = Way { client: &mut client, change: &change };
        match trip {
            Trip::Open => open += 1,
            Trip::Shown => {
                if !accepted(&mut way) {
                    continue;
                }
                shown += 1;
                for value in values_of(&change.old.ty, &mut rng) {
                    // `NaN` is in no range.
                    if value == "null" && change.old.not_null || value == "NaN" {
                        continue;
                    }
                    let came = way.go(&value);
                    assert!(matches!(came, Came::Back | Came::Never(_)), "{shape}: shown, and {value} {came:?}");
                }
            }
            Trip::Broken(example) => {
                if !accepted(&mut way) {
                    continue;
                }
                broken += 1;
                let value = example.value.trim_matches('"').to_owned();
                let came = way.go(&value);
                let expected = match &example.back {
                    Some(_) => matches!(came, Came::Changed(_)),
                    None => matches!(came, Came::Refused(_)),
                };
                assert!(expected, "{shape}: {example:?}, and {came:?}");
            }
        }
    }
    println!("{shown} shown, {broken} with a value that does not come back, {open} open");
    assert!(shown > 40 && broken > 40);
}

/// Whether PostgreSQL takes the expressions at all.
fn accepted(way: &mut Way<'_>) -> bool {
    way.prepare();
    let (up, down) = effective(way.change);
    [format!("UPDATE way SET y = {up}"), format!("UPDATE way SET back = {down}")]
        .iter()
        .all(|sql| server::rows(way.client, sql).is_ok())
}
