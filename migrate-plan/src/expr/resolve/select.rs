//! The best of several candidates that all take the arguments.

use super::Candidate;
use crate::expr::catalog::{self, Id};
use crate::expr::coerce::{Given, takes};
use crate::expr::polymorphic::Binding;

/// The types that each argument becomes by itself, looked up once for all candidates.
pub(super) struct Targets(Vec<Vec<&'static str>>);

impl Targets {
    pub(super) fn of(given: &[Given]) -> Targets {
        let of = |given: &Given| match given {
            Given::Known(id) if !id.array => catalog::implicit_targets(id.name),
            _ => Vec::new(),
        };
        Targets(given.iter().map(of).collect())
    }

    pub(super) fn fit(&self, candidate: &Candidate<'_>, given: &[Given]) -> bool {
        let each = candidate.takes.iter().zip(given).zip(&self.0);
        let mut polymorphic = false;
        for ((to, given), targets) in each {
            let fits = match given {
                _ if to.is_polymorphic() => {
                    polymorphic = true;
                    true
                }
                Given::Known(from) if !from.array && !to.array && from.element().is_none() => {
                    from == to || to.is_any() || targets.contains(&to.name)
                }
                _ => takes(*to, *given),
            };
            if !fits {
                return false;
            }
        }
        !polymorphic || Binding::of(&candidate.takes, given).is_some()
    }
}

/// The candidate that PostgreSQL prefers, where it prefers one (`func_select_candidate`).
pub(super) fn select<'a>(mut candidates: Vec<Candidate<'a>>, given: &[Given]) -> Option<Candidate<'a>> {
    let exact = |takes: Id, given: Given| Some(takes) == given.known();
    let preferred = |takes: Id, given: Given| {
        given.known().is_some_and(|id| takes.is_preferred() && takes.category() == id.category())
    };
    keep_best(&mut candidates, given, &exact);
    if candidates.len() > 1 {
        keep_best(&mut candidates, given, &|takes, given| exact(takes, given) || preferred(takes, given));
    }
    if candidates.len() > 1 && !given.contains(&Given::Unknown) {
        return None;
    }
    if candidates.len() > 1
        && let Some(slots) = slots(&candidates, given)
    {
        let fits = |candidate: &Candidate<'_>| {
            candidate.takes.iter().zip(&slots).all(|(takes, slot)| {
                slot.is_none_or(|(category, preferred)| {
                    takes.category() == category && (!preferred || takes.is_preferred())
                })
            })
        };
        if candidates.iter().any(fits) {
            candidates.retain(fits);
        }
    }
    if candidates.len() == 1 {
        return candidates.pop();
    }
    // The bare constants may be of the one type that all other arguments have.
    let mut known = given.iter().filter_map(|given| given.known());
    let first = known.next()?;
    if !known.all(|id| id == first) {
        return None;
    }
    let all = vec![Given::Known(first); given.len()];
    let targets = Targets::of(&all);
    let mut fitting = candidates.into_iter().filter(|candidate| targets.fit(candidate, &all));
    let found = fitting.next()?;
    fitting.next().is_none().then_some(found)
}

/// Keeps the candidates for which most arguments are a match.
fn keep_best(candidates: &mut Vec<Candidate<'_>>, given: &[Given], is_match: &dyn Fn(Id, Given) -> bool) {
    let matches = |candidate: &Candidate<'_>| {
        candidate.takes.iter().zip(given).filter(|(takes, given)| is_match(**takes, **given)).count()
    };
    let most = candidates.iter().map(matches).max().unwrap_or(0);
    candidates.retain(|candidate| matches(candidate) == most);
}

/// For each bare constant the category that the candidates take there, and whether its preferred type is
/// among them; text wins where they differ, and otherwise nothing is decided.
fn slots(candidates: &[Candidate<'_>], given: &[Given]) -> Option<Vec<Option<(u8, bool)>>> {
    let mut slots = vec![None; given.len()];
    for (place, slot) in slots.iter_mut().enumerate() {
        if given[place] != Given::Unknown {
            continue;
        }
        let mut conflict = false;
        for candidate in candidates {
            let takes = candidate.takes[place];
            let (category, preferred) = (takes.category(), takes.is_preferred());
            match slot {
                None => *slot = Some((category, preferred)),
                Some((chosen, any)) if *chosen == category => *any |= preferred,
                Some(chosen) if category == b'S' => *chosen = (category, preferred),
                Some(_) => conflict = true,
            }
        }
        if conflict && slot.is_none_or(|(category, _)| category != b'S') {
            return None;
        }
    }
    Some(slots)
}
