//! The list of plans that `migrations!` takes.

use migrate_plan::check::Problem;
use proc_macro2::TokenStream;

use super::{Parsed, Parser};
use crate::place::Place;

/// The path of a plan's module.
pub(crate) struct PlanPath {
    /// The path as it was written.
    pub(crate) tokens: TokenStream,
    /// From its first to its last segment.
    pub(crate) place: Place,
}

impl Parser<'_> {
    /// `a, b::c`
    pub(crate) fn plan_paths(&mut self) -> Vec<PlanPath> {
        self.close.1 = "the end of the list";
        let mut paths = Vec::new();
        while !self.at_end() {
            match self.plan_path() {
                Ok(path) => paths.push(path),
                Err(_) => self.recover_at(','),
            }
            if self.eat_punct(',').is_none() && !self.at_end() {
                self.unexpected("`,` and the next plan");
                self.recover_at(',');
                self.eat_punct(',');
            }
        }
        paths
    }

    fn plan_path(&mut self) -> Parsed<PlanPath> {
        let mut tokens = TokenStream::new();
        let mut place = self.here();
        loop {
            if self.at_double_colon() {
                for _ in 0..2 {
                    tokens.extend(self.cursor.token_tree().map(|(tree, _)| tree));
                    self.skip();
                }
            } else if !tokens.is_empty() {
                return Ok(PlanPath { tokens, place });
            }
            let Some((segment, rest)) = self.cursor.ident() else {
                let problem = Problem::new(self.here(), format!("expected a plan, found {}", self.found())).help(
                    "a plan is named by the path of its module: `migrations![orders_total_cents, later::second]`",
                );
                return Err(self.report(problem));
            };
            place = place.to(Place::of(segment.span()));
            tokens.extend([proc_macro2::TokenTree::from(segment)]);
            self.cursor = rest;
        }
    }
}
