//! The data files of the expression language, as the generator needs them; and whether they are those of
//! the server.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use fastrand::Rng;
use migrate::testing::ScratchServer;

const CASTS: &str = include_str!("../../migrate-plan/src/expr/catalog/casts.txt");
const FUNCTIONS: &str = include_str!("../../migrate-plan/src/expr/catalog/functions.txt");
const OPERATORS: &str = include_str!("../../migrate-plan/src/expr/catalog/operators.txt");
const TYPES: &str = include_str!("../../migrate-plan/src/expr/catalog/types.txt");

/// An operator or a function.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub is_operator: bool,
    pub takes: Vec<String>,
    pub gives: String,
}

/// What needs too much time or memory for some arguments, or has a grammar of its own.
const LEFT_OUT: [&str; 11] = [
    "repeat",
    "lpad",
    "rpad",
    "array_fill",
    "factorial",
    "normalize",
    "is_normalized",
    "row",
    "grouping",
    "oidvectortypes",
    "trim_scale",
];

fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let functions = FUNCTIONS.lines().filter_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [name, takes, gives, flags] = words[..] else { return None };
            let takes = takes.split(',').filter(|word| *word != "-").map(str::to_owned).collect();
            let plain = flags.starts_with(['i', 's']) && !flags.contains(['+', '<']);
            let usable = !name.starts_with("pg_") && !name.contains("xml") && !LEFT_OUT.contains(&name);
            let row = Row { name: name.to_owned(), is_operator: false, takes, gives: gives.to_owned() };
            (plain && usable).then_some(row)
        });
        let operators = OPERATORS.lines().filter_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [name, left, right, gives, flags] = words[..] else { return None };
            let takes = [left, right].into_iter().filter(|word| *word != "-").map(str::to_owned).collect();
            let row = Row { name: name.to_owned(), is_operator: true, takes, gives: gives.to_owned() };
            (!flags.contains(['+', '<'])).then_some(row)
        });
        functions.chain(operators).filter(|row| row.takes.iter().all(|word| is_usable(word))).collect()
    })
}

fn is_usable(word: &str) -> bool {
    let polymorphic = word.starts_with("any") && !word.contains("enum");
    polymorphic || crate::generate::ty(word).is_some()
}

/// Any operator or function.
pub fn any(rng: &mut Rng) -> Row {
    rows()[rng.usize(..rows().len())].clone()
}

/// An operator or a function that gives this type, perhaps for certain arguments only.
pub fn giving(word: &str, rng: &mut Rng) -> Option<Row> {
    static BY_TYPE: OnceLock<BTreeMap<String, Vec<Row>>> = OnceLock::new();
    let by_type = BY_TYPE.get_or_init(|| {
        let mut map: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in rows() {
            map.entry(row.gives.clone()).or_default().push(row.clone());
        }
        map
    });
    let array = word.ends_with("[]");
    let range = word.ends_with("range");
    let polymorphic = match () {
        () if array => ["anyarray", "anycompatiblearray"],
        () if range => ["anyrange", "anycompatiblerange"],
        () => ["anyelement", "anycompatible"],
    };
    // The many operators and functions of few types stand beside the few that take any.
    let own = by_type.get(word);
    let use_polymorphic = own.is_none() || rng.u8(..6) == 0;
    let rows = if use_polymorphic { by_type.get(polymorphic[rng.usize(..2)]) } else { own };
    rows.filter(|rows| !rows.is_empty()).map(|rows| rows[rng.usize(..rows.len())].clone())
}

/// A type of which values become this one where they must.
pub fn becoming(word: &str, rng: &mut Rng) -> Option<String> {
    casts(word, rng, |context| context == "i")
}

/// A type with a cast to this one.
pub fn cast_to(word: &str, rng: &mut Rng) -> Option<String> {
    if matches!(word, "text" | "varchar") {
        let all = crate::generate::TYPES;
        return Some(all[rng.usize(..all.len())].0.to_owned());
    }
    if rng.u8(..6) == 0 {
        return Some("text".to_owned());
    }
    casts(word, rng, |_| true)
}

fn casts(word: &str, rng: &mut Rng, wanted: impl Fn(&str) -> bool) -> Option<String> {
    let found: Vec<&str> = CASTS
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let (from, to, context) = (words.next()?, words.next()?, words.next()?);
            (to == word && wanted(context) && !line.contains(['+', '<']) && crate::generate::ty(from).is_some())
                .then_some(from)
        })
        .collect();
    (!found.is_empty()).then(|| found[rng.usize(..found.len())].to_owned())
}

/// Rows that a server of this version has.
fn of_version(file: &'static str, version: u32) -> Vec<String> {
    let kept = |line: &str| {
        let number = |mark: char| {
            line.rsplit_once(mark).and_then(|(_, number)| {
                let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
                digits.parse::<u32>().ok()
            })
        };
        let flags = line.rsplit(' ').next().unwrap_or_default();
        let since = if flags.contains('+') { number('+') } else { None };
        let until = if flags.contains('<') { number('<') } else { None };
        since.is_none_or(|since| version >= since) && until.is_none_or(|until| version < until)
    };
    let plain = |line: &str| {
        let (rest, flags) = line.rsplit_once(' ').unwrap_or((line, ""));
        let flags = flags.split(['+', '<']).next().unwrap_or_default();
        format!("{rest} {}", lasting(flags))
    };
    let mut lines: Vec<String> = file.lines().filter(|line| kept(line)).map(plain).collect();
    lines.sort();
    lines
}

/// The flags that are the same in every version: of volatility and strictness the worst is kept, and a
/// function may have got defaults.
fn lasting(flags: &str) -> String {
    flags.chars().filter(|flag| !flag.is_ascii_digit() && !"isv!".contains(*flag)).collect()
}

#[test]
fn the_data_files_are_those_of_the_server() {
    let server = ScratchServer::shared().expect("a PostgreSQL server");
    let version = server.version_num() / 10_000;
    let mut client = server.connect().expect("a connection");
    let files = [
        (TYPES, include_str!("../../tools/catalog/src/types.sql")),
        (CASTS, include_str!("../../tools/catalog/src/casts.sql")),
        (OPERATORS, include_str!("../../tools/catalog/src/operators.sql")),
        (FUNCTIONS, include_str!("../../tools/catalog/src/functions.sql")),
    ];
    for (file, sql) in files {
        let rows = client.query(sql, &[]).expect("the rows of a catalog");
        let mut live: Vec<String> = rows.iter().map(|row| row.get::<_, String>(0)).collect();
        let worse: Vec<&String> = live
            .iter()
            .filter(|line| {
                let (rest, flags) = line.rsplit_once(' ').unwrap_or((line, ""));
                let ours = file.lines().find(|ours| ours.rsplit_once(' ').is_some_and(|(ours, _)| ours == rest));
                let volatility = |flags: &str| "isv".find(flags.chars().next().unwrap_or('v'));
                ours.is_some_and(|ours| {
                    let ours = ours.rsplit_once(' ').map_or("", |(_, flags)| flags);
                    volatility(flags) > volatility(ours) || ours.contains('!') && !flags.contains('!')
                })
            })
            .collect();
        assert!(worse.is_empty(), "more volatile than written, or less strict: {worse:?}");
        live = live
            .iter()
            .map(|line| {
                let (rest, flags) = line.rsplit_once(' ').unwrap_or((line, ""));
                format!("{rest} {}", lasting(flags))
            })
            .collect();
        live.sort();
        let ours = of_version(file, version);
        // PostgreSQL 15 moved one type to another category and calls the printing of another stable.
        let changed = |line: &str| version < 15 && (line.starts_with("char ") || line.starts_with("interval "));
        let only_in = |one: &[String], other: &[String]| -> Vec<String> {
            one.iter().filter(|line| other.binary_search(line).is_err() && !changed(line)).cloned().collect()
        };
        let (missing, gone) = (only_in(&live, &ours), only_in(&ours, &live));
        // A version between those that were read may have what its elders lack.
        let unread = ![14, 15, 18].contains(&version);
        assert!(
            unread || missing.is_empty() && gone.is_empty(),
            "PostgreSQL {version}: run tools/catalog. Missing: {missing:#?}. Gone: {gone:#?}"
        );
    }
}
