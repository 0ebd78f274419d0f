//! Phases as arguments.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::Phase;

/// Reads one of `phases`.
pub(super) fn parser<const N: usize>(phases: [Phase; N]) -> impl TypedValueParser<Value = Phase> {
    PossibleValuesParser::new(phases.map(Phase::as_str))
        .try_map(move |word| phases.into_iter().find(|phase| phase.as_str() == word).ok_or("there is no such phase"))
}
