//! Which operator or function is meant: chapter "Type Conversion" of PostgreSQL's documentation, as its
//! `parse_func.c` and `parse_oper.c` do it.

mod select;

use crate::expr::catalog::{self, Context, Id, Row, Volatility};
use crate::expr::coerce::{Given, coercible};
use crate::expr::polymorphic::Binding;
use select::{Targets, select};

/// A chosen operator or function.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    /// What it takes here, for each argument, where that is certain.
    pub(crate) takes: Vec<Option<Id>>,
    /// What it gives here, where that is certain.
    pub(crate) gives: Option<Id>,
    /// How far it depends on more than its arguments.
    pub(crate) volatility: Volatility,
    /// Whether a null argument makes it null, and only that.
    pub(crate) strict: bool,
    /// Whether bare constants leave open what a pseudo-type stands for, which PostgreSQL refuses.
    pub(crate) undetermined: bool,
}

/// What became of the search.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It is this one.
    Found(Choice),
    /// Which one it is depends on what is not certain.
    Open(Option<Choice>),
    /// None takes these arguments.
    Missing,
    /// Several do, none better than the others.
    Ambiguous,
}

/// A row with the arguments it would take in this call.
#[derive(Clone)]
struct Candidate<'a> {
    row: &'a Row,
    takes: Vec<Id>,
}

/// `a op b`
pub(crate) fn infix(symbol: &str, left: Given, right: Given) -> Outcome {
    let rows = catalog::infix(symbol);
    in_turn(&rows, |candidates| {
        // A bare constant beside a value is first tried as the value's own type.
        let exact = match (left, right) {
            (Given::Known(a), Given::Known(b)) => Some([a, b]),
            (Given::Known(a), Given::Unknown) | (Given::Unknown, Given::Known(a)) => Some([a, a]),
            _ => None,
        };
        let found = exact.and_then(|exact| candidates.iter().find(|candidate| candidate.takes == exact));
        found.map_or_else(|| best(candidates, &[left, right]), |found| chosen(found, &[left, right]))
    })
}

/// `op x`
pub(crate) fn prefix(symbol: &str, given: Given) -> Outcome {
    let rows = catalog::prefix(symbol);
    in_turn(&rows, |candidates| {
        let found = candidates.iter().find(|candidate| Some(candidate.takes[0]) == given.known());
        found.map_or_else(|| best(candidates, &[given]), |found| chosen(found, &[given]))
    })
}

/// What all versions have comes first: what only some have decides nothing that is decided without it.
fn in_turn(rows: &[Row], search: impl Fn(&[Candidate<'_>]) -> Outcome) -> Outcome {
    let of = |rows: &mut dyn Iterator<Item = &Row>| -> Outcome {
        let candidates: Vec<Candidate<'_>> = rows.map(|row| Candidate { row, takes: row.takes.clone() }).collect();
        search(&candidates)
    };
    match of(&mut rows.iter().filter(|row| !row.partial)) {
        Outcome::Missing if rows.iter().any(|row| row.partial) => of(&mut rows.iter()),
        outcome => outcome,
    }
}

/// `name(…)`
pub(crate) fn call(name: &str, given: &[Given]) -> Outcome {
    let rows = catalog::functions(name);
    let whole: Vec<&Row> = rows.iter().filter(|row| !row.partial).collect();
    match call_of(name, &whole, given) {
        Outcome::Missing if whole.len() < rows.len() => call_of(name, &rows.iter().collect::<Vec<_>>(), given),
        outcome => outcome,
    }
}

fn call_of(name: &str, rows: &[&Row], given: &[Given]) -> Outcome {
    let candidates = with_arity(rows, given.len());
    let exact = candidates
        .iter()
        .find(|candidate| candidate.takes.iter().zip(given).all(|(takes, given)| Some(*takes) == given.known()));
    if let Some(exact) = exact {
        return chosen(exact, given);
    }
    if let (Some(to), [given]) = (type_of_cast(name), given)
        && let Some(choice) = cast_call(to, *given)
    {
        return Outcome::Found(choice);
    }
    best(&candidates, given)
}

/// The candidates that take so many arguments; of two that take the same, the one with less left out.
fn with_arity<'a>(rows: &[&'a Row], count: usize) -> Vec<Candidate<'a>> {
    let mut found: Vec<Candidate<'a>> = Vec::new();
    for row in rows {
        let Some(takes) = effective(row, count) else { continue };
        match found.iter_mut().find(|other| other.takes == takes) {
            Some(other) => {
                let rank = |row: &Row| (row.variadic, row.takes.len().saturating_sub(count));
                if rank(row) < rank(other.row) {
                    other.row = row;
                }
            }
            None => found.push(Candidate { row, takes }),
        }
    }
    found
}

/// The types of `count` arguments, with defaults left out and the variadic one repeated.
fn effective(row: &Row, count: usize) -> Option<Vec<Id>> {
    let declared = row.takes.len();
    if row.variadic {
        let (last, fixed) = row.takes.split_last()?;
        let element = match last.name {
            "any" => *last,
            "anyarray" => Id::of("anyelement"),
            "anycompatiblearray" => Id::of("anycompatible"),
            _ => last.element()?,
        };
        let more = count.checked_sub(fixed.len()).filter(|more| *more > 0)?;
        return Some(fixed.iter().copied().chain(std::iter::repeat_n(element, more)).collect());
    }
    (count <= declared && count + row.defaults >= declared).then(|| row.takes[..count].to_vec())
}

/// How many arguments the functions of a name take: the fewest and the most of each.
pub(crate) fn arities(name: &str) -> Vec<(usize, usize)> {
    let mut all: Vec<(usize, usize)> = catalog::functions(name)
        .iter()
        .map(|row| {
            let declared = row.takes.len();
            if row.variadic { (declared, usize::MAX) } else { (declared - row.defaults, declared) }
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The arguments that functions of a name take where `count` are given, for messages.
pub(crate) fn signatures(name: &str, count: usize) -> Vec<Vec<Id>> {
    catalog::functions(name).iter().filter_map(|row| effective(row, count)).collect()
}

/// Whether the name is a type, and so can be called with one value.
pub(crate) fn is_type(name: &str) -> bool {
    type_of_cast(name).is_some()
}

/// `date(x)` is a cast where there is no such function for `x`.
fn type_of_cast(name: &str) -> Option<Id> {
    catalog::function_type(name).map(Id::of)
}

fn cast_call(to: Id, given: Given) -> Option<Choice> {
    let volatility = match given {
        // An input function of a type whose text depends on the session makes a constant of it here and now.
        Given::Unknown => Volatility::Immutable,
        Given::Open => return None,
        Given::Known(from) => {
            let function = !from.array && catalog::cast(from.name, to.name).is_some_and(|cast| cast.is_function);
            let possible = !function && coercible(from, to, Context::Explicit);
            if !possible {
                return None;
            }
            crate::expr::coerce::volatility(from, to, Context::Explicit)?
        }
    };
    Some(Choice { takes: vec![Some(to)], gives: Some(to), volatility, strict: true, undetermined: false })
}

fn chosen(candidate: &Candidate<'_>, given: &[Given]) -> Outcome {
    let Some(binding) = Binding::of(&candidate.takes, given) else { return Outcome::Missing };
    let mut declared = candidate.takes.iter().chain([&candidate.row.gives]);
    let undetermined = !given.contains(&Given::Open)
        && declared.any(|takes| takes.is_polymorphic() && binding.actual(*takes).is_none());
    Outcome::Found(Choice {
        undetermined,
        takes: candidate.takes.iter().map(|takes| binding.actual(*takes)).collect(),
        gives: binding.actual(candidate.row.gives),
        volatility: candidate.row.volatility,
        strict: candidate.row.strict,
    })
}

/// The candidate that PostgreSQL prefers (`func_match_argtypes`, `func_select_candidate`).
fn best(candidates: &[Candidate<'_>], given: &[Given]) -> Outcome {
    let targets = Targets::of(given);
    let fitting: Vec<Candidate<'_>> =
        candidates.iter().filter(|candidate| targets.fit(candidate, given)).cloned().collect();
    if given.contains(&Given::Open) {
        return open(&fitting, given);
    }
    match fitting.as_slice() {
        [] => Outcome::Missing,
        [only] => chosen(only, given),
        _ => select(fitting, given).map_or(Outcome::Ambiguous, |found| chosen(&found, given)),
    }
}

/// With a value of which nothing is certain, only what all candidates share is.
fn open(fitting: &[Candidate<'_>], given: &[Given]) -> Outcome {
    let choices: Vec<Choice> = fitting
        .iter()
        .filter_map(|candidate| match chosen(candidate, given) {
            Outcome::Found(choice) => Some(choice),
            _ => None,
        })
        .collect();
    let Some(first) = choices.first() else { return Outcome::Missing };
    let same = choices.iter().all(|choice| choice.gives == first.gives);
    let choice = Choice {
        takes: vec![None; given.len()],
        gives: first.gives.filter(|_| same),
        volatility: choices.iter().map(|choice| choice.volatility).min().unwrap_or(first.volatility),
        strict: choices.iter().all(|choice| choice.strict),
        undetermined: false,
    };
    Outcome::Open(Some(choice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &'static str) -> Given {
        Given::Known(Id::read(name))
    }

    fn gives(outcome: Outcome) -> String {
        match outcome {
            Outcome::Found(choice) => choice.gives.map_or("?".to_owned(), Id::shown),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn operators_are_chosen_as_postgresql_does() {
        assert_eq!(gives(infix("+", known("int4"), known("int8"))), "bigint");
        assert_eq!(gives(infix("/", known("int8"), known("numeric"))), "numeric");
        assert_eq!(gives(infix("+", known("date"), known("int4"))), "date");
        assert_eq!(gives(infix("-", known("timestamptz"), Given::Unknown)), "interval");
        assert_eq!(gives(infix("||", known("text"), known("int4"))), "text");
        assert_eq!(gives(infix("||", known("int4[]"), known("int8"))), "bigint[]");
        assert_eq!(gives(infix("^", known("int4"), known("int4"))), "double precision");
        assert_eq!(gives(infix("->", known("jsonb"), Given::Unknown)), "jsonb");
        assert!(matches!(infix("*", known("text"), known("int4")), Outcome::Missing));
        assert!(matches!(infix("&&", known("bool"), known("bool")), Outcome::Missing));
        assert_eq!(gives(prefix("-", known("int2"))), "smallint");
        assert_eq!(gives(prefix("~", known("bit"))), "bit");
    }

    #[test]
    fn functions_are_chosen_as_postgresql_does() {
        assert_eq!(gives(call("round", &[known("int4")])), "double precision");
        assert_eq!(gives(call("round", &[known("numeric"), known("int4")])), "numeric");
        assert_eq!(gives(call("abs", &[known("int2")])), "smallint");
        assert_eq!(gives(call("length", &[known("varchar")])), "integer");
        assert_eq!(gives(call("lower", &[known("int4range")])), "integer");
        assert_eq!(gives(call("array_append", &[known("int4[]"), known("numeric")])), "numeric[]");
        assert_eq!(gives(call("num_nulls", &[known("int4"), known("text"), Given::Unknown])), "integer");
        assert_eq!(gives(call("jsonb_set", &[known("jsonb"), known("text[]"), known("jsonb")])), "jsonb");
        assert_eq!(gives(call("text", &[known("int4")])), "text");
        assert!(matches!(call("round", &[known("text")]), Outcome::Missing));
    }
}
