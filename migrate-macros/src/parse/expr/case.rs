//! `case … when … then … else … end`

use migrate_plan::check::Problem;
use migrate_plan::expr::Kind;

use super::{Node, Parsed, Parser, node};
use crate::place::Place;

impl Parser<'_> {
    /// What follows the word `case`.
    pub(super) fn case(&mut self, start: Place) -> Parsed<Node> {
        let operand = if self.at(&["when"]) { None } else { Some(Box::new(self.expression()?)) };
        let mut arms = Vec::new();
        while self.eat(&["when"]).is_some() {
            let condition = self.expression()?;
            self.expect("then")?;
            arms.push((condition, self.expression()?));
        }
        if arms.is_empty() {
            return Err(self.unexpected("`when`"));
        }
        let otherwise = match self.eat(&["else"]) {
            Some(_) => Some(Box::new(self.expression()?)),
            None => None,
        };
        match self.eat(&["end"]) {
            Some(end) => Ok(node(start.to(end), Kind::Case { operand, arms, otherwise })),
            None => {
                let problem =
                    Problem::new(self.here(), format!("expected `end` of the `case`, found {}", self.found()));
                Err(self.report(problem))
            }
        }
    }
}
