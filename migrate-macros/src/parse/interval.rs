//! `interval`, with the fields it may be cut to.

use migrate_plan::check::Problem;
use migrate_plan::types::Type;

use super::{Parsed, Parser};
use crate::place::Place;

/// All that may follow `interval`, longest first.
const FIELDS: [&str; 13] = [
    "year to month",
    "day to hour",
    "day to minute",
    "day to second",
    "hour to minute",
    "hour to second",
    "minute to second",
    "year",
    "month",
    "day",
    "hour",
    "minute",
    "second",
];

impl Parser<'_> {
    /// What follows the word `interval`.
    pub(super) fn interval(&mut self, name: Place) -> Parsed<Type> {
        let start = self.here();
        let fields = FIELDS.into_iter().find(|fields| {
            let words: Vec<&str> = fields.split(' ').collect();
            self.eat(&words).is_some()
        });
        if fields.is_some() && self.at(&["to"]) {
            let problem = Problem::new(start.to(self.here()), "`interval` cannot be cut to these fields")
                .help("possible are `year to month` and, from `day` to `second`, a larger field to a smaller one");
            return Err(self.report(problem));
        }
        let mut ty = Type { fields, ..Type::named("interval") };
        if let Some((brackets, list)) = self.arguments()? {
            if let Some(fields) = fields.filter(|fields| !fields.ends_with("second")) {
                let problem = Problem::new(brackets, format!("`interval {fields}` has no fractional digits"))
                    .help("leave the brackets out");
                return Err(self.report(problem));
            }
            ty.modifiers = vec![self.precision(&list, name)?];
        }
        Ok(ty)
    }
}
