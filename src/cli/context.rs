//! What every command has at hand.

use std::io::Write;

use serde_json::Value;

use super::Error;
use crate::{Migrations, Migrator, Plan};

/// The plans, and where to say what was done.
pub(super) struct Context<'a> {
    pub(super) migrations: &'static Migrations,
    /// Whether to answer with one JSON object.
    pub(super) json: bool,
    pub(super) out: &'a mut dyn Write,
}

impl Context<'_> {
    /// A runner of the plans.
    pub(super) fn migrator(&self) -> Migrator {
        Migrator::new(self.migrations)
    }

    /// The plan of this name.
    pub(super) fn plan(&self, name: &str) -> Result<&'static Plan, Error> {
        let plans = self.migrations.plans();
        plans.iter().copied().find(|plan| plan.name == name).ok_or_else(|| Error::UnknownPlan {
            plan: name.to_owned(),
            known: plans.iter().map(|plan| plan.name.to_string()).collect(),
        })
    }

    /// Says a sentence to people, and an object to scripts.
    pub(super) fn say(&mut self, sentence: &str, object: &Value) -> Result<(), Error> {
        if self.json { self.line(&object.to_string()) } else { self.line(sentence) }
    }

    /// Says one line.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Error> {
        writeln!(self.out, "{line}").map_err(Error::Output)
    }
}
