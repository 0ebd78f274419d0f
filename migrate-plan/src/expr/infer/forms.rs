//! Forms with a grammar of their own: casts, `case`, `in`, `between`, `any`, arrays, indexes, tests.

use super::super::catalog::{Context, Id, Volatility};
use super::super::coerce::{self, Common, Given};
use super::super::resolve::{self, Outcome};
use super::super::{Expr, IsTest, Kind, Negated};
use super::{Inference, Inferred, given, implicit, is_untyped, named};
use crate::types::{Category, Type};

impl<S: Clone> Inference<'_, S> {
    pub(super) fn cast(&mut self, expr: &Expr<S>, inner: &Expr<S>, to: &Type) -> Inferred {
        // The elements of a written array are cast one by one.
        if let (Kind::Array(items), true) = (&inner.kind, to.array) {
            self.notes.insert(
                super::address(inner),
                super::Note {
                    ty: Some(Type { modifiers: Vec::new(), ..to.clone() }),
                    volatility: Volatility::Immutable,
                    strict: false,
                },
            );
            let element = Type { array: false, ..to.clone() };
            for item in items {
                let to = if matches!(item.kind, Kind::Array(_)) { to } else { &element };
                self.cast(item, item, to);
            }
            return Some(to.clone());
        }
        let from = self.of(inner);
        match given(inner, from.as_ref()) {
            Given::Unknown => {
                if let Kind::Text(text) = &inner.kind {
                    self.constant(inner, text, to);
                }
            }
            Given::Open => {}
            Given::Known(id) => {
                let Some(target) = Id::of_type(to) else { return Some(to.clone()) };
                match coerce::volatility(id, target, Context::Explicit) {
                    Some(volatility) => self.depends(expr, volatility),
                    None => {
                        let help = "say what the value becomes, with functions or a `case`";
                        let from = id.shown();
                        self.report(expr, format!("PostgreSQL has no cast from `{from}` to `{to}`"), help);
                    }
                }
            }
        }
        Some(to.clone())
    }

    /// `x is null`, `x is true` …
    pub(super) fn test(&mut self, x: &Expr<S>, test: &IsTest) -> Inferred {
        match test {
            IsTest::Null => drop(self.of(x)),
            IsTest::True | IsTest::False | IsTest::Unknown => self.condition(x, "`is`"),
        }
        named("boolean")
    }

    /// `x between a and b` is `x >= a and x <= b`, and `x not between a and b` is `x < a or x > b`.
    pub(super) fn between(&mut self, expr: &Expr<S>, x: &Expr<S>, negated: Negated, bounds: [&Expr<S>; 2]) -> Inferred {
        let symbols = if negated == Negated::Yes { ["<", ">"] } else { [">=", "<="] };
        let value = self.given(x);
        for (bound, symbol) in bounds.into_iter().zip(symbols) {
            let other = self.given(bound);
            self.compared(expr, symbol, "between", (x, value), (bound, other));
        }
        named("boolean")
    }

    /// `x in (a, b)`: constants and values take one common type with `x`, where they have one;
    /// `x not in (a, b)` asks with `<>`.
    pub(super) fn within(&mut self, expr: &Expr<S>, x: &Expr<S>, negated: Negated, list: &[Expr<S>]) -> Inferred {
        let symbol = if negated == Negated::Yes { "<>" } else { "=" };
        let value = self.given(x);
        let items: Vec<Given> = list.iter().map(|item| self.given(item)).collect();
        let shared = |item: &Expr<S>| !matches!(item.kind, Kind::Column(_));
        let together: Vec<Given> = std::iter::once(value)
            .chain(list.iter().zip(&items).filter(|(item, _)| shared(item)).map(|(_, given)| *given))
            .collect();
        let common = match coerce::common(&together) {
            Common::Is(id) if together.len() > 2 => Some(id),
            _ => None,
        };
        for (item, given) in list.iter().zip(items) {
            let as_common = common.filter(|_| shared(item));
            if let Some(id) = as_common {
                self.taken_as(expr, item, given, id);
            }
            let given = as_common.map_or(given, Given::Known);
            self.compared(expr, symbol, "in", (x, value), (item, given));
        }
        named("boolean")
    }

    /// A comparison of which the second part is blamed.
    fn compared(
        &mut self,
        expr: &Expr<S>,
        symbol: &str,
        shown: &str,
        (x, value): (&Expr<S>, Given),
        (other, given): (&Expr<S>, Given),
    ) {
        if value == Given::Open || given == Given::Open {
            return;
        }
        match resolve::infix(symbol, value, given) {
            Outcome::Found(choice) => {
                self.note(expr, &choice, &[(x, value), (other, given)]);
            }
            Outcome::Missing | Outcome::Ambiguous => {
                self.infix(other, symbol, shown, (x, value), (other, given));
            }
            Outcome::Open(_) => {}
        }
    }

    /// A value becomes one of the type that several values have in common.
    fn taken_as(&mut self, expr: &Expr<S>, item: &Expr<S>, given: Given, id: Id) {
        match given {
            Given::Unknown => self.literal(item, id),
            Given::Known(from) => self.depends(expr, implicit(from, id)),
            Given::Open => {}
        }
    }

    /// `x op any (array)`
    pub(super) fn quantified(&mut self, expr: &Expr<S>, x: &Expr<S>, symbol: &str, array: &Expr<S>) -> Inferred {
        let (left, right) = (self.given(x), self.given(array));
        match right {
            Given::Open | Given::Unknown => {}
            Given::Known(id) => match id.element() {
                Some(element) => self.compared(expr, symbol, symbol, (x, left), (array, Given::Known(element))),
                None => {
                    let message = format!("`any` and `all` take an array, and this is `{}`", id.shown());
                    self.report(array, message, "write single values as `x in (a, b)`");
                }
            },
        }
        named("boolean")
    }

    pub(super) fn case(
        &mut self,
        expr: &Expr<S>,
        operand: Option<&Expr<S>>,
        arms: &[(Expr<S>, Expr<S>)],
        otherwise: Option<&Expr<S>>,
    ) -> Inferred {
        let value = operand.map(|operand| (operand, self.given(operand)));
        // A bare constant that is compared is text.
        let value =
            value.map(|(x, given)| (x, if given == Given::Unknown { Given::Known(Id::of("text")) } else { given }));
        for (when, _) in arms {
            match value {
                None => self.condition(when, "`when`"),
                Some(value) => {
                    let found = self.given(when);
                    self.compared(expr, "=", "case", value, (when, found));
                }
            }
        }
        // PostgreSQL looks at the result of `else` first.
        let results: Vec<&Expr<S>> = otherwise.into_iter().chain(arms.iter().map(|(_, then)| then)).collect();
        self.agreement(expr, &results, "`case` gives")
    }

    /// The common type of several values of which one is the result.
    pub(super) fn agreement(&mut self, expr: &Expr<S>, values: &[&Expr<S>], what: &str) -> Inferred {
        let types: Vec<Inferred> = values.iter().map(|value| self.of(value)).collect();
        let givens: Vec<Given> = values.iter().zip(&types).map(|(value, ty)| given(value, ty.as_ref())).collect();
        match coerce::common(&givens) {
            Common::Open => self.common_of_open(&givens, &types),
            Common::Clash(place) => {
                self.clash(values, &givens, place, what);
                None
            }
            Common::Is(id) => {
                for (value, given) in values.iter().zip(&givens) {
                    self.taken_as(expr, value, *given, id);
                }
                common_type(id, values, &types)
            }
        }
    }

    /// Values of one user type have that type in common.
    fn common_of_open(&mut self, givens: &[Given], types: &[Inferred]) -> Inferred {
        let mut certain = types.iter().zip(givens).filter(|(_, given)| **given != Given::Unknown).map(|(ty, _)| ty);
        let first = certain.next()?.clone()?;
        certain.all(|other| other.as_ref() == Some(&first)).then_some(first)
    }

    /// Blames the later of two values that have nothing in common.
    fn clash(&mut self, values: &[&Expr<S>], givens: &[Given], place: usize, what: &str) {
        let ty = |place: usize| givens[place].known();
        let Some(other) = (0..givens.len()).find(|other| ty(*other).is_some() && ty(*other) != ty(place)) else {
            return;
        };
        // PostgreSQL looked at `else` first, which is written last.
        let else_first = what == "`case` gives" && place.min(other) == 0;
        let swapped = if else_first { place < other } else { place > other };
        let (first, second) = if swapped { (other, place) } else { (place, other) };
        let shown = |place: usize| ty(place).map_or("text".to_owned(), Id::shown);
        let message = format!("{what} `{}` in one place and `{}` in another", shown(first), shown(second));
        self.report(values[second], message, "cast one to the other's type");
    }

    /// `array[a, b]`
    pub(super) fn array(&mut self, expr: &Expr<S>, items: &[Expr<S>]) -> Inferred {
        if items.is_empty() {
            let message = "PostgreSQL cannot tell the type of an empty array".to_owned();
            self.report(expr, message, "say it: `array[]::integer[]`");
            return None;
        }
        let values: Vec<&Expr<S>> = items.iter().collect();
        let common = self.agreement(expr, &values, "an array holds")?;
        Some(Type { modifiers: Vec::new(), array: true, ..common })
    }

    /// `x[i]`
    pub(super) fn index(&mut self, x: &Expr<S>, at: &Expr<S>) -> Inferred {
        let ty = self.of(x);
        let place = self.given(at);
        let ty = ty?;
        let Some(id) = Id::of_type(&ty) else {
            // Of an array of a user type the element is that type.
            return if ty.array { Some(Type { array: false, ..ty }) } else { None };
        };
        let Some(element) = id.indexed() else {
            self.report(x, format!("`[…]` takes an element of an array, and this is `{ty}`"), "leave the index out");
            return None;
        };
        let by_name = id == Id::of("jsonb");
        match place {
            Given::Unknown if !by_name => self.literal(at, Id::of("int4")),
            Given::Known(id) if !by_name && !coerce::coercible(id, Id::of("int4"), Context::Assignment) => {
                let message = format!("an index is an `integer`, and this is `{}`", id.shown());
                self.report(at, message, "cast it: `x::integer`");
            }
            _ => {}
        }
        if ty.array { Some(Type { array: false, ..ty }) } else { element.ty() }
    }

    pub(super) fn extract(&mut self, expr: &Expr<S>, x: &Expr<S>) -> Inferred {
        let given = self.given(x);
        match resolve::call("extract", &[Given::Known(Id::of("text")), given]) {
            Outcome::Found(mut choice) => {
                choice.takes.remove(0);
                self.note(expr, &choice, &[(x, given)]);
            }
            Outcome::Missing => {
                let ty = given.known().map_or("text".to_owned(), Id::shown);
                let message = format!("`extract` takes a date, a time or an interval, and this is `{ty}`");
                self.report(x, message, as_timestamp(given));
            }
            Outcome::Open(_) => {}
            Outcome::Ambiguous => {
                let message = "PostgreSQL cannot tell what `extract` takes its field from".to_owned();
                self.report(x, message, "say the constant's type: `timestamp \"…\"`");
            }
        }
        named("numeric")
    }

    /// `x at time zone z` is `timezone(z, x)`.
    pub(super) fn at_time_zone(&mut self, expr: &Expr<S>, x: &Expr<S>, zone: &Expr<S>) -> Inferred {
        let (value, of_zone) = (self.given(x), self.given(zone));
        match resolve::call("timezone", &[of_zone, value]) {
            Outcome::Found(choice) => self.note(expr, &choice, &[(zone, of_zone), (x, value)]),
            Outcome::Open(choice) => choice?.gives.and_then(Id::ty),
            Outcome::Ambiguous => None,
            Outcome::Missing => {
                let is_time = |given: Given| given.known().is_none_or(|id| id.category() == b'D');
                if is_time(value) {
                    let ty = of_zone.known().map_or("text".to_owned(), Id::shown);
                    let message = format!("a time zone is text or an interval, and this is `{ty}`");
                    self.report(zone, message, "write its name: `at time zone \"UTC\"`");
                } else {
                    let ty = value.known().map_or("text".to_owned(), Id::shown);
                    let message = format!("`at time zone` takes a timestamp or a time, and this is `{ty}`");
                    self.report(x, message, as_timestamp(value));
                }
                None
            }
        }
    }
}

/// How a value becomes a timestamp.
fn as_timestamp(given: Given) -> &'static str {
    match given.known() {
        Some(id) if id.category() == b'N' => "make a timestamp of seconds since 1970 first: `to_timestamp(x)`",
        Some(id) if !coerce::coercible(id, Id::of("timestamp"), Context::Explicit) => "it is no time",
        _ => "cast it first: `x::timestamp`",
    }
}

/// The common type, with the modifiers that all values share.
fn common_type<S>(id: Id, values: &[&Expr<S>], types: &[Inferred]) -> Inferred {
    let plain = id.ty()?;
    let mut certain =
        types.iter().zip(values).filter(|(_, value)| !is_untyped(*value)).filter_map(|(ty, _)| ty.as_ref());
    let Some(first) = certain.next() else { return Some(plain) };
    let same = Id::of_type(first) == Some(id) && certain.all(|other| other == first);
    Some(if same && values.iter().all(|value| !is_untyped(value) || value.is_null()) { first.clone() } else { plain })
}

/// Whether a value of `from` can be stored in a column of `to`, and how far that depends on the session.
pub(super) fn stored(from: &Type, to: &Type) -> Option<Volatility> {
    if from.category() == Category::User || to.category() == Category::User {
        return Some(Volatility::Immutable);
    }
    match (Id::of_type(from), Id::of_type(to)) {
        (Some(from), Some(to)) => coerce::volatility(from, to, Context::Assignment),
        _ => Some(Volatility::Immutable),
    }
}
