//! Calls: which function is meant, and what is said where none is.

use super::super::catalog::{self, Context, Id};
use super::super::coerce::{self, Given};
use super::super::resolve::{self, Outcome};
use super::super::{Expr, Function};
use super::{Inference, Inferred, Signature, one_of};
use crate::types::Type;

impl<S: Clone> Inference<'_, S> {
    pub(super) fn call(&mut self, expr: &Expr<S>, function: &Function, arguments: &[Expr<S>]) -> Inferred {
        if let Some(schema) = function.schema.as_deref().filter(|schema| *schema != "pg_catalog") {
            return self.declared(expr, schema, &function.name, arguments);
        }
        match function.name.as_str() {
            "coalesce" | "greatest" | "least" => self.one_of_several(expr, &function.name, arguments),
            "nullif" => self.nullif(expr, arguments),
            name => self.builtin(expr, name, arguments),
        }
    }

    fn one_of_several(&mut self, expr: &Expr<S>, name: &str, arguments: &[Expr<S>]) -> Inferred {
        if arguments.is_empty() {
            self.report(expr, format!("`{name}` takes one value or more"), format!("write `{name}(x, …)`"));
            return None;
        }
        let values: Vec<&Expr<S>> = arguments.iter().collect();
        let ty = self.agreement(expr, &values, &format!("`{name}` gives"))?;
        let ordered = |id: Id| id.element().unwrap_or(id).row().is_none_or(|row| row.ordered);
        if name != "coalesce" && Id::of_type(&ty).is_some_and(|id| !ordered(id)) {
            let message = format!("`{name}` compares values, and `{ty}` has no order");
            self.report(expr, message, "compare what can be ordered, as `x::text`");
        }
        Some(ty)
    }

    /// `nullif(a, b)` has the type that `=` takes on its left.
    fn nullif(&mut self, expr: &Expr<S>, arguments: &[Expr<S>]) -> Inferred {
        let [a, b] = arguments else {
            for argument in arguments {
                self.of(argument);
            }
            let message = format!("`nullif` takes two values, and here are {}", arguments.len());
            self.report(expr, message, "write `nullif(x, y)`: null where they are equal");
            return None;
        };
        let ty = self.of(a);
        let (left, right) = (super::given(a, ty.as_ref()), self.given(b));
        if left == Given::Open || right == Given::Open {
            return ty;
        }
        match resolve::infix("=", left, right) {
            Outcome::Found(choice) => {
                self.note(expr, &choice, &[(a, left), (b, right)]);
                let takes = choice.takes.first().copied().flatten().or(left.known())?;
                // A value that is taken as its own type keeps its modifiers.
                if ty.as_ref().and_then(Id::of_type) == Some(takes) { ty } else { takes.ty() }
            }
            _ => {
                self.infix(expr, "=", "=", (a, left), (b, right));
                ty
            }
        }
    }

    fn builtin(&mut self, expr: &Expr<S>, name: &str, arguments: &[Expr<S>]) -> Inferred {
        let givens: Vec<Given> = arguments.iter().map(|argument| self.given(argument)).collect();
        if catalog::special(name).is_some() || catalog::functions(name).is_empty() && !resolve::is_type(name) {
            return None;
        }
        match resolve::call(name, &givens) {
            Outcome::Found(choice) => {
                let pairs: Vec<(&Expr<S>, Given)> = arguments.iter().zip(givens).collect();
                self.note(expr, &choice, &pairs)
            }
            Outcome::Open(choice) => {
                let choice = choice?;
                let pairs: Vec<(&Expr<S>, Given)> = arguments.iter().zip(givens).collect();
                self.note(expr, &choice, &pairs)
            }
            Outcome::Ambiguous => {
                let message = format!("PostgreSQL cannot tell which `{name}` is meant");
                let at =
                    givens.iter().position(|given| *given == Given::Unknown).map_or(expr, |place| &arguments[place]);
                let takes = resolve::signatures(name, givens.len()).into_iter().map(|takes| list(&takes));
                self.report(
                    at,
                    message,
                    format!("cast the arguments to what one of them takes: {}", takes.collect::<Vec<_>>().join(", ")),
                );
                None
            }
            Outcome::Missing => {
                self.no_function(expr, name, arguments, &givens);
                None
            }
        }
    }

    fn no_function(&mut self, expr: &Expr<S>, name: &str, arguments: &[Expr<S>], givens: &[Given]) {
        let signatures = resolve::signatures(name, givens.len());
        if signatures.is_empty() {
            return self.wrong_count(expr, name, arguments);
        }
        let fits = |takes: &[Id], place: usize| coerce::takes(takes[place], givens[place]);
        // The argument that is wrong in the function that takes the others best.
        let closest = |takes: &Vec<Id>| (0..givens.len()).filter(|place| fits(takes, *place)).count();
        let most = signatures.iter().map(closest).max().unwrap_or(0);
        let near: Vec<&Vec<Id>> = signatures.iter().filter(|takes| closest(takes) == most).collect();
        let guilty = (0..givens.len()).find(|place| near.iter().all(|takes| !fits(takes, *place)));
        let guilty = guilty.or_else(|| (0..givens.len()).find(|place| near.iter().any(|takes| !fits(takes, *place))));
        let Some((place, given)) = guilty.and_then(|place| Some((place, givens[place].known()?))) else {
            let types: Vec<String> =
                givens.iter().map(|given| given.known().map_or("a constant".to_owned(), Id::shown)).collect();
            let takes: Vec<String> = signatures.iter().map(|takes| list(takes)).collect();
            let message = format!("`{name}` does not take `({})`", types.join(", "));
            return self.report(expr, message, format!("it takes {}", takes.join(" or ")));
        };
        let wanted: Vec<Id> = near.iter().filter(|takes| !fits(takes, place)).map(|takes| takes[place]).collect();
        let message = format!("`{name}` takes {}, and this is `{}`", kind_of(&wanted), given.shown());
        let castable = |to: &Id| coerce::coercible(given, *to, Context::Explicit);
        let exact = wanted.iter().copied().find(|to| *to == Id::of("numeric")).filter(castable);
        let help = match exact.or_else(|| wanted.iter().copied().find(castable)) {
            Some(to) if !to.is_polymorphic() && !to.is_any() => format!("cast it first: `x::{}`", to.shown()),
            _ => {
                let takes: Vec<String> = signatures.iter().map(|takes| list(takes)).collect();
                format!("`{name}` takes {}", takes.join(" or "))
            }
        };
        self.report(&arguments[place], message, help);
    }

    fn wrong_count(&mut self, expr: &Expr<S>, name: &str, arguments: &[Expr<S>]) {
        let arities = resolve::arities(name);
        let counts: Vec<String> = arities
            .iter()
            .map(|arity| match arity {
                (least, usize::MAX) => format!("{least} or more"),
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            })
            .collect();
        let (last, rest) = counts.split_last().map_or(("none", &[][..]), |(last, rest)| (last.as_str(), rest));
        let counts = if rest.is_empty() { last.to_owned() } else { format!("{} or {last}", rest.join(", ")) };
        let most = arities.iter().map(|(_, most)| *most).max().unwrap_or(0);
        let word = if counts == "1" { "argument" } else { "arguments" };
        let is = if arguments.len() == 1 { "is" } else { "are" };
        let message = format!("`{name}` takes {counts} {word}, and here {is} {}", arguments.len());
        let takes: Vec<String> = catalog::functions(name).iter().map(|row| list(&row.takes)).collect();
        // What is too much stands after what it takes.
        let at = arguments.get(most).unwrap_or(expr);
        self.report(at, message, format!("it takes {}", takes.join(" or ")));
    }

    /// A function of the user's own: `schema.f(…)`.
    fn declared(&mut self, expr: &Expr<S>, schema: &str, name: &str, arguments: &[Expr<S>]) -> Inferred {
        let types: Vec<Inferred> = arguments.iter().map(|argument| self.of(argument)).collect();
        let givens: Vec<(&Expr<S>, Given, Inferred)> = arguments
            .iter()
            .zip(types)
            .map(|(argument, ty)| (argument, super::given(argument, ty.as_ref()), ty))
            .collect();
        let functions: Vec<&Signature> =
            self.scope.functions.iter().filter(|function| function.schema == schema && function.name == name).collect();
        let fits = |function: &&&Signature| {
            function.arguments.len() == givens.len()
                && function
                    .arguments
                    .iter()
                    .zip(&givens)
                    .all(|(takes, (_, given, ty))| accepts(takes, *given, ty.as_ref()))
        };
        let fitting: Vec<&Signature> = functions.iter().filter(fits).copied().collect();
        let exact = fitting.iter().find(|function| {
            function
                .arguments
                .iter()
                .zip(&givens)
                .all(|(takes, (_, _, ty))| ty.as_ref().is_some_and(|ty| same(takes, ty)))
        });
        let only = if let [only] = fitting.as_slice() { Some(*only) } else { None };
        match (exact.copied().or(only), fitting.as_slice()) {
            (Some(function), _) => {
                if let Some(note) = self.notes.get_mut(&super::address(expr)) {
                    note.strict = function.strict;
                }
                for (takes, (argument, given, _)) in function.arguments.iter().zip(&givens) {
                    match (given, Id::of_type(takes)) {
                        (Given::Unknown, Some(id)) => self.literal(argument, id),
                        (Given::Known(from), Some(id)) => self.depends(expr, super::implicit(*from, id)),
                        _ => {}
                    }
                }
                Some(function.result.clone())
            }
            (None, []) if !functions.is_empty() => {
                let takes: Vec<String> = functions.iter().map(|function| declared_list(&function.arguments)).collect();
                let misfit =
                    functions.iter().find(|function| function.arguments.len() == givens.len()).and_then(|function| {
                        givens
                            .iter()
                            .zip(&function.arguments)
                            .find(|((_, given, ty), takes)| !accepts(takes, *given, ty.as_ref()))
                    });
                let shown = format!("{schema}.{name}");
                let help = format!("the plan declares `{shown}` with {}", takes.join(" and with "));
                match misfit {
                    Some(((argument, _, ty), takes)) => {
                        let ty = ty.as_ref().map_or("text".to_owned(), ToString::to_string);
                        self.report(argument, format!("`{shown}` takes `{takes}`, and this is `{ty}`"), help);
                    }
                    None => {
                        let is = if givens.len() == 1 { "is" } else { "are" };
                        let message =
                            format!("`{shown}` takes another number of arguments, and here {is} {}", givens.len());
                        self.report(expr, message, help);
                    }
                }
                None
            }
            _ => None,
        }
    }
}

fn same(a: &Type, b: &Type) -> bool {
    a.base == b.base && a.array == b.array
}

/// Whether an argument may be given where `takes` is declared; what is not certain may.
fn accepts(takes: &Type, given: Given, ty: Option<&Type>) -> bool {
    match (given, Id::of_type(takes)) {
        (Given::Known(from), Some(to)) => coerce::coercible(from, to, Context::Implicit),
        (Given::Open, _) | (Given::Known(_), None) => {
            ty.is_none_or(|ty| same(ty, takes) || is_user(ty) || is_user(takes))
        }
        (Given::Unknown, _) => true,
    }
}

fn is_user(ty: &Type) -> bool {
    Id::of_type(ty).is_none()
}

/// `(text, integer)`
fn list(takes: &[Id]) -> String {
    let names: Vec<String> = takes.iter().map(|id| id.shown()).collect();
    format!("`({})`", names.join(", "))
}

fn declared_list(takes: &[Type]) -> String {
    let names: Vec<String> = takes.iter().map(ToString::to_string).collect();
    format!("`({})`", names.join(", "))
}

/// What several types are together, as a message says it.
fn kind_of(wanted: &[Id]) -> String {
    let all = |category: u8| wanted.iter().all(|id| id.category() == category);
    if all(b'S') {
        "text".to_owned()
    } else if all(b'N') && wanted.len() > 1 {
        "a number".to_owned()
    } else {
        one_of(wanted.iter().map(|id| id.shown()))
    }
}
