//! Operators: which one is meant, and what is said where none is.

use super::super::catalog::{self, Context, Id};
use super::super::coerce::{self, Given};
use super::super::print::is_comparison;
use super::super::resolve::{self, Outcome};
use super::super::{Expr, Kind, Operator};
use super::{Inference, Inferred, named, number_type, one_of};
use crate::types::Category;

/// An operand and what is known of it.
type Operand<'a, S> = (&'a Expr<S>, Given);

impl<S: Clone> Inference<'_, S> {
    pub(super) fn binary(&mut self, expr: &Expr<S>, a: &Expr<S>, operator: &Operator, b: &Expr<S>) -> Inferred {
        match operator {
            Operator::And | Operator::Or => {
                let word = if *operator == Operator::And { "`and`" } else { "`or`" };
                self.condition(a, word);
                self.condition(b, word);
                named("boolean")
            }
            Operator::Symbol(symbol) => {
                let (left, right) = (self.given(a), self.given(b));
                self.infix(expr, symbol, symbol, (a, left), (b, right))
            }
            Operator::Like(_) => self.pattern(expr, "like", "~~", a, b),
            Operator::ILike(_) => self.pattern(expr, "ilike", "~~*", a, b),
            Operator::Similar(_) => self.pattern(expr, "similar to", "~", a, b),
            Operator::Distinct(_) => {
                let (left, right) = (self.given(a), self.given(b));
                // Beside a bare null PostgreSQL asks `is null`, which every type answers.
                if !a.is_null() && !b.is_null() {
                    self.infix(expr, "=", "is distinct from", (a, left), (b, right));
                }
                named("boolean")
            }
        }
    }

    /// `a op b`, which a message calls `shown`.
    pub(super) fn infix(
        &mut self,
        expr: &Expr<S>,
        symbol: &str,
        shown: &str,
        (a, left): Operand<'_, S>,
        (b, right): Operand<'_, S>,
    ) -> Inferred {
        let boolean = || if is_comparison(symbol) { named("boolean") } else { None };
        // An operator of a user type may give anything.
        if left == Given::Open || right == Given::Open {
            return boolean();
        }
        match resolve::infix(symbol, left, right) {
            Outcome::Found(choice) => self.note(expr, &choice, &[(a, left), (b, right)]),
            Outcome::Open(_) => boolean(),
            Outcome::Ambiguous => {
                let operand = if left == Given::Unknown { a } else { b };
                let others = [left, right].into_iter().find_map(Given::known).map(Id::shown);
                let beside = others.map(|ty| format!(" beside `{ty}`")).unwrap_or_default();
                let ty = if is_arithmetic(symbol) { "numeric" } else { "text" };
                let message = format!("PostgreSQL cannot tell which `{shown}` is meant{beside}");
                self.report(operand, message, format!("say the constant's type: `x::{ty}`"));
                boolean()
            }
            Outcome::Missing => {
                self.no_operator(expr, symbol, shown, [(a, left), (b, right)]);
                boolean()
            }
        }
    }

    /// `op x`
    pub(super) fn prefix(&mut self, expr: &Expr<S>, symbol: &str, x: &Expr<S>) -> Inferred {
        let given = self.given(x);
        if let (Kind::Number(digits), "-") = (&x.kind, symbol) {
            return named(number_type(&format!("-{digits}")));
        }
        if given == Given::Open {
            return None;
        }
        match resolve::prefix(symbol, given) {
            Outcome::Found(choice) => self.note(expr, &choice, &[(x, given)]),
            Outcome::Open(_) => None,
            Outcome::Ambiguous => {
                let message = format!("PostgreSQL cannot tell which `{symbol}` is meant");
                self.report(x, message, "say the constant's type: `x::numeric`");
                None
            }
            Outcome::Missing => {
                let rows = catalog::prefix(symbol);
                let takes = rows.iter().filter(|row| !row.partial).map(|row| row.takes[0].shown());
                let ty = given.known().map_or("text".to_owned(), Id::shown);
                let help = match cast_to_number(given) {
                    Some(help) if matches!(symbol, "-" | "+") => help.to_owned(),
                    _ => format!("it takes {}", one_of(takes)),
                };
                self.report(x, format!("`{symbol}` does not take `{ty}`"), help);
                None
            }
        }
    }

    fn pattern(&mut self, expr: &Expr<S>, word: &str, symbol: &str, a: &Expr<S>, b: &Expr<S>) -> Inferred {
        let (left, right) = (self.given(a), self.given(b));
        let mut fits = true;
        for (operand, given) in [(a, left), (b, right)] {
            if let Given::Known(id) = given
                && !id.is_text()
                && (id != Id::of("bytea") || symbol != "~~")
                && id != Id::of("char")
            {
                let message = format!("`{word}` takes text, and this is `{}`", id.shown());
                self.report(operand, message, "cast it first: `x::text`");
                fits = false;
            }
        }
        if fits {
            // The pattern of `similar to` is made a regular expression first.
            let pattern = if symbol == "~" { Given::Known(Id::of("text")) } else { right };
            self.infix(expr, symbol, word, (a, left), (b, pattern));
        }
        named("boolean")
    }

    fn no_operator(&mut self, expr: &Expr<S>, symbol: &str, shown: &str, operands: [Operand<'_, S>; 2]) {
        let [(_, left), (_, right)] = operands;
        let types: Vec<Id> = [left, right].into_iter().filter_map(Given::known).collect();
        let all = |category| types.iter().all(|id| id.category() == category);
        let any = |category| types.iter().any(|id| id.category() == category);
        if is_comparison(symbol) {
            return self.not_compared(expr, shown, &types);
        }
        match symbol {
            "&&" if any(b'B') => {
                let message = "`&&` asks whether two arrays or ranges overlap".to_owned();
                return self.report(expr, message, "write `and`");
            }
            "||" if all(b'B') => return self.report(expr, "`||` joins two values".to_owned(), "write `or`"),
            "||" if all(b'N') => {
                let message = "`||` joins texts, and these are numbers".to_owned();
                return self.report(expr, message, "cast one of them: `x::text`");
            }
            _ => {}
        }
        if let Some(place) = self.guilty(symbol, &operands) {
            let (operand, given) = operands[place];
            let ty = given.known().map_or("text".to_owned(), Id::shown);
            let help = match cast_to_number(given) {
                Some(_) if symbol == "+" && given.known().is_some_and(Id::is_text) => {
                    "write `||` to join texts, or cast it to a number first: `x::numeric`".to_owned()
                }
                Some(help) if is_arithmetic(symbol) => help.to_owned(),
                _ => {
                    let rows = catalog::infix(symbol);
                    let beside = |row: &&catalog::Row| coerce::takes(row.takes[1 - place], operands[1 - place].1);
                    let any = !rows.iter().any(|row| beside(&row));
                    let takes = rows.iter().filter(|row| any || beside(row)).map(|row| row.takes[place].shown());
                    format!("it takes {} there", one_of(takes))
                }
            };
            return self.report(operand, format!("`{shown}` does not take `{ty}`"), help);
        }
        let names: Vec<String> = types.iter().map(|id| format!("`{}`", id.shown())).collect();
        let rows = catalog::infix(symbol);
        let beside = rows.iter().filter(|row| coerce::takes(row.takes[0], left)).map(|row| row.takes[1].shown());
        let first = left.known().map_or("the constant".to_owned(), |id| format!("`{}`", id.shown()));
        let same = |a: Id, b: Id| a.category() == b.category() && coerce::coercible(b, a, Context::Explicit);
        let help = match types[..] {
            [a, b] if a != b && same(a, b) => format!("cast one to the other's type, as `x::{}`", a.shown()),
            _ => format!("to the right of {first} it takes {}", one_of(beside)),
        };
        self.report(expr, format!("`{shown}` does not take {} together", names.join(" and ")), help);
    }

    /// The operand that no operator of this name takes, or that arithmetic never does.
    fn guilty(&self, symbol: &str, operands: &[Operand<'_, S>; 2]) -> Option<usize> {
        let rows = catalog::infix(symbol);
        let alone = |place: usize| rows.iter().any(|row| coerce::takes(row.takes[place], operands[place].1));
        if let Some(place) = (0..2).find(|place| !alone(*place)) {
            return Some(place);
        }
        let never = |given: Given| {
            given.known().and_then(Id::ty).is_some_and(|ty| {
                matches!(ty.category(), Category::Text | Category::Boolean | Category::Uuid | Category::Bytes)
            })
        };
        let beside = |place: usize| operands[1 - place].1.known().is_some_and(|id| id.category() == b'N');
        (0..2).find(|place| is_arithmetic(symbol) && never(operands[*place].1) && beside(*place))
    }

    fn not_compared(&mut self, expr: &Expr<S>, shown: &str, types: &[Id]) {
        let (message, help) = match types {
            [a, b] => {
                let help = if a == b {
                    "compare their texts: `x::text`".to_owned()
                } else if coerce::coercible(*b, *a, Context::Explicit) {
                    format!("cast one side to the other's type, as `x::{}`", a.shown())
                } else if coerce::coercible(*a, *b, Context::Explicit) {
                    format!("cast one side to the other's type, as `x::{}`", b.shown())
                } else {
                    "no cast leads from one to the other: say with functions or a `case` what is meant".to_owned()
                };
                (format!("`{}` and `{}` cannot be compared with `{shown}`", a.shown(), b.shown()), help)
            }
            _ => {
                let ty = types.first().map_or("text".to_owned(), |id| id.shown());
                (format!("`{ty}` cannot be compared with `{shown}`"), "compare its text: `x::text`".to_owned())
            }
        };
        self.report(expr, message, help);
    }
}

fn is_arithmetic(symbol: &str) -> bool {
    matches!(symbol, "+" | "-" | "*" | "/" | "%" | "^")
}

/// How a value becomes a number.
fn cast_to_number(given: Given) -> Option<&'static str> {
    let ty = given.known()?.ty()?;
    match ty.category() {
        Category::Boolean => Some("cast it to a number first: `x::integer`"),
        Category::Text => Some("cast it to a number first: `x::numeric`"),
        Category::Uuid | Category::Bytes => Some("it is no number"),
        _ => None,
    }
}
