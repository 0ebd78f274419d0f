//! Which casts PostgreSQL makes where (`find_coercion_pathway` of its `parse_coerce.c`), and which type
//! several values have in common (`select_common_type`).

use super::catalog::{self, Context, Id, Volatility};
use super::polymorphic::Binding;

/// A value that is given to an operator or a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// Of a built-in type.
    Known(Id),
    /// A text constant or null, whose type is decided by where it stands.
    Unknown,
    /// Of a user type, or not certain.
    Open,
}

impl Given {
    pub(crate) fn known(self) -> Option<Id> {
        match self {
            Given::Known(id) => Some(id),
            _ => None,
        }
    }
}

/// Whether a value of `from` becomes one of `to` where the `context` allows it.
pub(crate) fn coercible(from: Id, to: Id, context: Context) -> bool {
    volatility(from, to, context).is_some()
}

/// How far that depends on more than the value; `None` where there is no such cast.
pub(crate) fn volatility(from: Id, to: Id, context: Context) -> Option<Volatility> {
    if from == to {
        return Some(Volatility::Immutable);
    }
    if !from.array && !to.array {
        if let Some(cast) = catalog::cast(from.name, to.name) {
            return (cast.context <= context).then_some(cast.volatility);
        }
    } else if let (Some(a), Some(b)) = (from.element(), to.element().filter(|_| to.array)) {
        return volatility(a, b, context);
    }
    // Through the text forms.
    let written = context >= Context::Assignment && to.is_text();
    let read = context == Context::Explicit && from.is_text();
    if !written && !read {
        return None;
    }
    let prints = element_row(from).is_some_and(|row| row.prints_session) || from.array;
    let reads = element_row(to).is_some_and(|row| row.reads_session) || to.array;
    Some(if prints || reads { Volatility::Stable } else { Volatility::Immutable })
}

fn element_row(id: Id) -> Option<catalog::TypeRow> {
    catalog::type_row(id.name)
}

/// Whether an argument can be given where `to` is taken; what is not certain can.
pub(crate) fn takes(to: Id, given: Given) -> bool {
    match given {
        Given::Known(_) if to.is_polymorphic() => Binding::of(&[to], &[given]).is_some(),
        Given::Known(from) => to.is_any() || coercible(from, to, Context::Implicit),
        Given::Unknown | Given::Open => true,
    }
}

/// The common type of several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Common {
    /// It is this one.
    Is(Id),
    /// It depends on what is not certain.
    Open,
    /// There is none: this value, by its place, has another category than those before.
    Clash(usize),
}

/// The type of a result that is one of several values, in PostgreSQL's order of them.
pub(crate) fn common(values: &[Given]) -> Common {
    if values.contains(&Given::Open) {
        return Common::Open;
    }
    let mut chosen: Option<Id> = None;
    for (place, value) in values.iter().enumerate() {
        let Given::Known(next) = *value else { continue };
        chosen = Some(match chosen {
            None => next,
            Some(chosen) if chosen == next => chosen,
            Some(chosen) if chosen.category() != next.category() => return Common::Clash(place),
            Some(chosen) => {
                let widens = !chosen.is_preferred()
                    && coercible(chosen, next, Context::Implicit)
                    && !coercible(next, chosen, Context::Implicit);
                if widens { next } else { chosen }
            }
        });
    }
    let Some(chosen) = chosen else { return Common::Is(Id::of("text")) };
    let misfit = values.iter().position(|value| !takes(chosen, *value));
    misfit.map_or(Common::Is(chosen), Common::Clash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(name: &'static str) -> Given {
        Given::Known(Id::read(name))
    }

    #[test]
    fn casts_are_those_of_postgresql() {
        let id = Id::read;
        assert!(coercible(id("int4"), id("int8"), Context::Implicit));
        assert!(!coercible(id("int8"), id("int4"), Context::Implicit));
        assert!(coercible(id("int8"), id("int4"), Context::Assignment));
        assert!(coercible(id("int4"), id("bool"), Context::Explicit));
        assert!(!coercible(id("int4"), id("bool"), Context::Assignment));
        assert!(!coercible(id("int8"), id("bool"), Context::Explicit), "only `integer` has this cast");
        assert!(coercible(id("text"), id("uuid"), Context::Explicit));
        assert!(!coercible(id("text"), id("uuid"), Context::Assignment));
        assert!(coercible(id("uuid"), id("text"), Context::Assignment));
        assert!(coercible(id("text[]"), id("uuid[]"), Context::Explicit));
        assert!(!coercible(id("uuid[]"), id("uuid"), Context::Explicit));
        assert_eq!(volatility(id("date"), id("text"), Context::Explicit), Some(Volatility::Stable));
        assert_eq!(volatility(id("int4"), id("text"), Context::Explicit), Some(Volatility::Immutable));
    }

    #[test]
    fn common_types_are_those_of_postgresql() {
        assert_eq!(common(&[known("int4"), known("numeric")]), Common::Is(Id::of("numeric")));
        assert_eq!(common(&[known("float8"), known("numeric")]), Common::Is(Id::of("float8")));
        assert_eq!(common(&[Given::Unknown, known("date")]), Common::Is(Id::of("date")));
        assert_eq!(common(&[Given::Unknown, Given::Unknown]), Common::Is(Id::of("text")));
        assert_eq!(common(&[known("int4"), Given::Unknown, known("text")]), Common::Clash(2));
        assert_eq!(common(&[known("int4"), Given::Open]), Common::Open);
        assert_eq!(common(&[known("time"), known("date")]), Common::Clash(1), "one category, no cast");
    }
}
