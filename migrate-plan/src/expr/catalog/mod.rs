//! PostgreSQL's own types, casts, operators and functions, as `tools/catalog` reads them from servers.
//!
//! Each file is sorted by bytes and searched by halves; only the lines that are asked for are read. A line's
//! last word holds its flags: volatility (`i`, `s`, `v`), `!` where it is strict, `*` where it is variadic, the
//! number of arguments with a default, `+18` where versions before 18 lack it, `<18` where 18 has it no more.

mod id;

pub(crate) use id::Id;

const TYPES: &str = include_str!("types.txt");
const CASTS: &str = include_str!("casts.txt");
const OPERATORS: &str = include_str!("operators.txt");
const FUNCTIONS: &str = include_str!("functions.txt");

/// How far the value of a function, an operator or a cast depends on more than its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volatility {
    /// On its arguments alone.
    Immutable,
    /// On the session's settings or on the catalog too.
    Stable,
    /// On anything.
    Volatile,
}

/// A function or an operator for certain types.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The types it takes, with the pseudo-types as `anyelement`.
    pub(crate) takes: Vec<Id>,
    /// The type it gives.
    pub(crate) gives: Id,
    /// Its volatility, the worst of all versions.
    pub(crate) volatility: Volatility,
    /// Whether a null argument makes it null without a look at the others.
    pub(crate) strict: bool,
    /// Whether the last argument may stand any number of times.
    pub(crate) variadic: bool,
    /// How many of the last arguments may be left out.
    pub(crate) defaults: usize,
    /// Whether some supported version lacks it.
    pub(crate) partial: bool,
}

/// What a name that is no plain function is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    /// It makes one value of several rows.
    Aggregate,
    /// It looks at other rows.
    Window,
    /// It gives several rows.
    Set,
}

/// The lines whose first words are these.
fn lines(file: &'static str, first: &str) -> impl Iterator<Item = &'static str> {
    let bytes = file.as_bytes();
    let (mut low, mut high) = (0, file.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = bytes[..middle].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = bytes[middle..].iter().position(|byte| *byte == b'\n').map_or(file.len(), |at| middle + at + 1);
        if before(&file[start..end], first) { low = end } else { high = start }
    }
    let first = first.to_owned();
    file[low..]
        .lines()
        .take_while(move |line| line.strip_prefix(first.as_str()).is_some_and(|rest| rest.starts_with(' ')))
}

/// Whether the line stands before all those that begin with `first` and a space.
fn before(line: &str, first: &str) -> bool {
    line.bytes().lt(first.bytes().chain([b' ']))
}

fn row(takes: Vec<Id>, gives: &'static str, flags: &str) -> Row {
    let (plain, partial) = match flags.find(['+', '<']) {
        Some(at) => (&flags[..at], true),
        None => (flags, false),
    };
    Row {
        takes,
        gives: Id::read(gives),
        volatility: match plain.as_bytes().first() {
            Some(b'i') => Volatility::Immutable,
            Some(b's') => Volatility::Stable,
            _ => Volatility::Volatile,
        },
        strict: plain.contains('!'),
        variadic: plain.contains('*'),
        defaults: plain.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0),
        partial,
    }
}

/// The four words of a line.
fn words(line: &'static str) -> [&'static str; 4] {
    let mut words = line.split(' ');
    std::array::from_fn(|_| words.next().unwrap_or_default())
}

/// The functions of this name.
pub(crate) fn functions(name: &str) -> Vec<Row> {
    lines(FUNCTIONS, name)
        .map(words)
        .filter(|[.., flags]| !flags.starts_with(['A', 'W', 'S']))
        .map(|[_, takes, gives, flags]| {
            let takes = takes.split(',').filter(|word| *word != "-").map(Id::read).collect();
            row(takes, gives, flags)
        })
        .collect()
}

/// What the name is, where it is no plain function.
pub(crate) fn special(name: &str) -> Option<Special> {
    lines(FUNCTIONS, name).map(words).find_map(|[.., flags]| match flags.as_bytes().first() {
        Some(b'A') => Some(Special::Aggregate),
        Some(b'W') => Some(Special::Window),
        Some(b'S') => Some(Special::Set),
        _ => None,
    })
}

/// The type of this name, which can be called as a function.
pub(crate) fn function_type(name: &str) -> Option<&'static str> {
    lines(TYPES, name).next().map(|line| words(line)[0])
}

/// Whether PostgreSQL has any function of this name.
pub(crate) fn has_function(name: &str) -> bool {
    lines(FUNCTIONS, name).next().is_some()
}

/// The names of all functions.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    FUNCTIONS.lines().filter_map(move |line| {
        let name = line.split(' ').next().unwrap_or_default();
        let is_new = name != last;
        last = name;
        is_new.then_some(name)
    })
}

/// The operators of this name between two values.
pub(crate) fn infix(symbol: &str) -> Vec<Row> {
    operators(symbol, false)
}

/// The operators of this name before a value.
pub(crate) fn prefix(symbol: &str) -> Vec<Row> {
    operators(symbol, true)
}

fn operators(symbol: &str, prefix: bool) -> Vec<Row> {
    lines(OPERATORS, symbol)
        .filter_map(|line| {
            let (_, rest) = line.split_once(' ')?;
            let [left, right, gives, flags] = words(rest);
            let takes = if prefix { vec![Id::read(right)] } else { vec![Id::read(left), Id::read(right)] };
            ((left == "-") == prefix).then(|| row(takes, gives, flags))
        })
        .collect()
}

/// When PostgreSQL uses a cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Context {
    /// Wherever it is needed.
    Implicit,
    /// Where a value is stored in a column.
    Assignment,
    /// Where it is written.
    Explicit,
}

/// A cast between two types that are no arrays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cast {
    pub(crate) context: Context,
    pub(crate) volatility: Volatility,
    /// Whether a function is called: otherwise both types have one form, or it goes through the text.
    pub(crate) is_function: bool,
}

/// The cast that `pg_cast` lists.
pub(crate) fn cast(from: &str, to: &str) -> Option<Cast> {
    let [_, _, context, flags] = words(lines(CASTS, &format!("{from} {to}")).next()?);
    let context = match context {
        "i" => Context::Implicit,
        "a" => Context::Assignment,
        _ => Context::Explicit,
    };
    let volatility = row(Vec::new(), "-", flags).volatility;
    Some(Cast { context, volatility, is_function: !flags.contains(['b', 't']) })
}

/// The types that a value of `from` becomes wherever it is needed.
pub(crate) fn implicit_targets(from: &str) -> Vec<&'static str> {
    lines(CASTS, from).map(words).filter(|[_, _, context, _]| *context == "i").map(|[_, to, ..]| to).collect()
}

/// What `pg_type` says of a type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypeRow {
    /// `pg_type.typcategory`.
    pub(crate) category: u8,
    /// Whether it is the preferred type of its category.
    pub(crate) preferred: bool,
    /// Whether it has a default order: `greatest`, `least`.
    pub(crate) ordered: bool,
    /// Whether reading its text form depends on the session.
    pub(crate) reads_session: bool,
    /// Whether its text form depends on the session.
    pub(crate) prints_session: bool,
    /// The subtype of a range, the range of a multirange, the element of what takes an index.
    pub(crate) related: Option<&'static str>,
}

/// A type that is no array, by `pg_type.typname`.
pub(crate) fn type_row(name: &str) -> Option<TypeRow> {
    let [_, category, related, flags] = words(lines(TYPES, name).next()?);
    Some(TypeRow {
        category: *category.as_bytes().first()?,
        preferred: flags.contains('p'),
        ordered: flags.contains('b'),
        reads_session: flags.contains('r'),
        prints_session: flags.contains('w'),
        related: Some(related).filter(|related| *related != "-"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_sorted_and_every_name_is_found() {
        for file in [TYPES, CASTS, OPERATORS, FUNCTIONS] {
            assert!(file.lines().is_sorted());
            for line in file.lines() {
                let name = line.split(' ').next().unwrap_or_default();
                assert!(lines(file, name).any(|found| found == line), "{line}");
            }
            assert_eq!(lines(file, "zzz").count() + lines(file, "").count() + lines(file, "ab").count(), 0);
        }
        assert!(TYPES.len() + CASTS.len() + OPERATORS.len() + FUNCTIONS.len() < 125_000);
    }

    #[test]
    fn rows_say_what_postgresql_says() {
        assert_eq!(functions("round").len(), 3);
        let format = functions("format");
        assert!(format.iter().any(|row| row.variadic && row.volatility == Volatility::Stable && !row.strict));
        assert_eq!(functions("make_interval")[0].defaults, 7);
        assert_eq!(special("sum"), Some(Special::Aggregate));
        assert_eq!(special("lag"), Some(Special::Window));
        assert_eq!(special("unnest"), Some(Special::Set));
        assert_eq!(special("lower"), None);
        assert!(prefix("-").iter().all(|row| row.takes.len() == 1));
        assert_eq!(cast("int4", "bool").map(|cast| cast.context), Some(Context::Explicit));
        assert!(type_row("float8").is_some_and(|row| row.preferred && row.category == b'N'));
    }
}
