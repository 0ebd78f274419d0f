//! `anyelement`, `anyarray`, `anycompatible` …: what the arguments make of them
//! (`check_generic_type_consistency` and `enforce_generic_type_consistency` of PostgreSQL's `parse_coerce.c`).

use super::catalog::{Context, Id};
use super::coerce::{Common, Given, coercible, common};

/// What the pseudo-types of a call stand for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Binding {
    element: Option<Id>,
    array: Option<Id>,
    range: Option<Id>,
    compatible: Option<Id>,
    compatible_range: Option<Id>,
    /// Whether an argument is not certain, so that nothing more may be said.
    open: bool,
}

impl Binding {
    /// What the pseudo-types of `declared` stand for; `None` where the arguments do not fit together.
    pub(crate) fn of(declared: &[Id], given: &[Given]) -> Option<Binding> {
        let mut binding = Binding::default();
        let mut multirange = None;
        let mut compatible: Vec<Given> = Vec::new();
        let mut single = false;
        let mut compatible_single = false;
        for (declared, given) in declared.iter().zip(given) {
            let known = match given {
                Given::Known(id) => *id,
                Given::Open => {
                    binding.open |= declared.is_polymorphic();
                    continue;
                }
                Given::Unknown => continue,
            };
            match declared.name {
                "anyelement" => agree(&mut binding.element, known)?,
                "anynonarray" => {
                    single = true;
                    agree(&mut binding.element, known)?;
                }
                // No built-in type is an enum.
                "anyenum" => return None,
                "anyarray" => {
                    known.element()?;
                    agree(&mut binding.array, known)?;
                }
                "anyrange" => {
                    known.subtype()?;
                    agree(&mut binding.range, known)?;
                }
                "anymultirange" => {
                    known.range()?;
                    agree(&mut multirange, known)?;
                }
                "anycompatible" => compatible.push(*given),
                "anycompatiblenonarray" => {
                    compatible_single = true;
                    compatible.push(*given);
                }
                "anycompatiblearray" => compatible.push(Given::Known(known.element()?)),
                "anycompatiblerange" => {
                    agree(&mut binding.compatible_range, known)?;
                    compatible.push(Given::Known(known.subtype()?));
                }
                "anycompatiblemultirange" => {
                    let range = known.range()?;
                    agree(&mut binding.compatible_range, range)?;
                    compatible.push(Given::Known(range.subtype()?));
                }
                _ => {}
            }
        }
        if let Some(multirange) = multirange {
            agree(&mut binding.range, multirange.range()?)?;
        }
        for element in [binding.array.and_then(Id::element), binding.range.and_then(Id::subtype)].into_iter().flatten()
        {
            agree(&mut binding.element, element)?;
        }
        if single && binding.element.is_some_and(|element| element.element().is_some()) {
            return None;
        }
        if !compatible.is_empty() {
            let Common::Is(chosen) = common(&compatible) else { return None };
            let fits = |given: &Given| given.known().is_none_or(|id| coercible(id, chosen, Context::Implicit));
            let of_range = binding.compatible_range.and_then(Id::subtype);
            if !compatible.iter().all(fits)
                || of_range.is_some_and(|subtype| subtype != chosen)
                || compatible_single && chosen.element().is_some()
            {
                return None;
            }
            binding.compatible = Some(chosen);
        }
        Some(binding)
    }

    /// The type that `declared` stands for, where it is certain.
    pub(crate) fn actual(&self, declared: Id) -> Option<Id> {
        if !declared.is_polymorphic() {
            return (declared.name != "any").then_some(declared);
        }
        if self.open {
            return None;
        }
        // Where all arguments are bare constants they are text.
        let compatible = self.compatible.unwrap_or(Id::of("text"));
        match declared.name {
            "anyelement" | "anynonarray" => self.element,
            "anyarray" => self.array.or_else(|| self.element?.array_of()),
            "anyrange" => self.range,
            "anymultirange" => self.range?.multirange(),
            "anycompatible" | "anycompatiblenonarray" => Some(compatible),
            "anycompatiblearray" => compatible.array_of(),
            "anycompatiblerange" => self.compatible_range,
            "anycompatiblemultirange" => self.compatible_range?.multirange(),
            _ => None,
        }
    }
}

/// Every argument of one pseudo-type has one type.
fn agree(slot: &mut Option<Id>, id: Id) -> Option<()> {
    match slot {
        Some(other) if *other != id => None,
        _ => {
            *slot = Some(id);
            Some(())
        }
    }
}
