//! `old => new { up …; down …; lossy "…"; }`

use migrate_plan::check::{Problem, nearest};
use migrate_plan::declaration::{Change, Column, Lossy};
use migrate_plan::expr::Expr;
use proc_macro2::{Delimiter, TokenStream};

use super::{Parsed, Parser, Reported};
use crate::place::Place;
use crate::source::ChangeSource;

/// What a change says of its conversions, as far as it was read.
#[derive(Default)]
struct Body {
    up: Option<Expr<Place>>,
    down: Option<Expr<Place>>,
    lossy: Option<Lossy<Place>>,
    /// Whether an `up` was written that could not be read.
    lost_up: bool,
    /// Whether a `down` was written that could not be read.
    lost_down: bool,
}

impl Parser<'_> {
    pub(super) fn change(&mut self, docs: TokenStream) -> Parsed<(Change<Place>, ChangeSource)> {
        if self.at_statement() {
            return Err(self.misplaced_statement());
        }
        if let Some(problem) = self.refused_statement() {
            return Err(self.report(problem));
        }
        let (old, old_is_sound) = self.column(&["=>", "->", ";", "{"])?;
        if self.eat_symbol("=>").is_none() {
            let reported = self.missing_arrow(&old);
            if self.eat_symbol("->").is_none() {
                return Err(reported);
            }
        }
        let (new, new_is_sound) = self.column(&[";", "{"])?;
        let Body { up, down, lossy, lost_up, lost_down } = self.body(&old, &new);
        let flawed = !old_is_sound || !new_is_sound;
        Ok((Change { old, new, up, down, lossy }, ChangeSource { docs, flawed, lost_up, lost_down }))
    }

    /// Whether a statement of a change stands here, and not the name of a column.
    fn at_statement(&self) -> bool {
        let Some((ident, rest)) = self.cursor.ident() else { return false };
        (ident == "up" || ident == "down" || ident == "lossy")
            && rest.punct().is_none_or(|(punct, _)| punct.as_char() != ':')
    }

    fn misplaced_statement(&mut self) -> Reported {
        let problem = Problem::new(self.here(), format!("{} stands outside of a change", self.found()))
            .help("put it into the braces of the change it is about: `old: type => new: type { up …; down …; }`");
        self.report(problem)
    }

    fn missing_arrow(&mut self, old: &Column<Place>) -> Reported {
        let name = &old.name.text;
        let problem =
            Problem::new(self.here(), format!("expected `=>` and what replaces `{name}`, found {}", self.found()));
        let problem = if self.at_symbol("->") {
            problem.help("write `=>`")
        } else {
            problem
                .note("columns that stay as they are stand in the table's brackets")
                .help(format!("write `{name}: {} => new_name: type`", old.ty))
        };
        self.report(problem)
    }

    /// `{ up …; down …; lossy "…"; }` or `;`
    fn body(&mut self, old: &Column<Place>, new: &Column<Place>) -> Body {
        let mut body = Body::default();
        let read = self.group(Delimiter::Brace, "`up`, `down` or `lossy`", |parser| {
            while !parser.at_end() {
                let lossy = parser.at(&["lossy"]);
                let (up, down) = (parser.at(&["up"]) || lossy, parser.at(&["down"]) || lossy);
                if parser.statement(&mut body, old, new).is_err() {
                    // What is neither may have been meant as either.
                    body.lost_up |= !down;
                    body.lost_down |= !up;
                    parser.recover_at(';');
                    parser.eat_punct(';');
                }
            }
            Ok(())
        });
        if read.is_none() && self.eat_punct(';').is_none() {
            (body.lost_up, body.lost_down) = (true, true);
            self.unexpected("`;` or `{ up …; down …; }`");
            if !self.at_column() {
                self.recover();
            }
        }
        body
    }

    fn statement(&mut self, body: &mut Body, old: &Column<Place>, new: &Column<Place>) -> Parsed<()> {
        let start = self.here();
        let word = self.peek_word().map(|word| word.text).unwrap_or_default();
        let made_from = match word.as_str() {
            "up" => (&new.name.text, &old.name.text),
            "down" => (&old.name.text, &new.name.text),
            "lossy" => return self.lossy(body),
            _ => return Err(self.not_a_statement(&word)),
        };
        self.skip();
        if self.at_punct(';') || self.at_end() {
            let problem = Problem::new(start, format!("`{word}` says nothing"))
                .help(format!("write how `{}` is made from `{}`: `{word} …;`", made_from.0, made_from.1));
            return Err(self.report(problem));
        }
        // What is written as a field or a block may be meant as one.
        if self.at_punct(':') || self.at_symbol("=") {
            let problem = Problem::new(self.here(), format!("`{word}` is followed by its expression"))
                .help(format!("write `{word} …;`"));
            return Err(self.report(problem));
        }
        let expr = self.expression()?;
        let place = if word == "up" { &mut body.up } else { &mut body.down };
        if place.is_some() {
            let problem = Problem::new(start, format!("`{word}` stands twice"))
                .help(format!("keep the one that makes `{}` from `{}`", made_from.0, made_from.1));
            self.report(problem);
        }
        *place = Some(expr);
        if self.eat_punct(';').is_some() {
            return Ok(());
        }
        let reported = self.unexpected_after_expression(&format!("`;` after `{word} …`"));
        // Where only the semicolon is missing, the next one begins here.
        if ["up", "down", "lossy"].iter().any(|word| self.at(&[word])) { Ok(()) } else { Err(reported) }
    }

    /// `lossy "reason";`
    fn lossy(&mut self, body: &mut Body) -> Parsed<()> {
        let start = self.here();
        self.skip();
        let reason = self.peek_string();
        let place = self.here();
        let Some(reason) = reason.filter(|reason| !reason.trim().is_empty()) else {
            let at = if self.peek_string().is_some() { place } else { start };
            let problem = Problem::new(at, "`lossy` says not what is lost")
                .note("whoever reads the plan, in a year or in an incident, must see what does not come back and why that is well")
                .help("write it as a text: `lossy \"cents are rounded\";`");
            // That something is lost was said.
            body.lossy = Some(Lossy { span: start, reason: String::new() });
            return Err(self.report(problem));
        };
        self.skip();
        if body.lossy.replace(Lossy { span: start.to(place), reason }).is_some() {
            self.report(Problem::new(start, "`lossy` stands twice").help("say in one text what is lost"));
        }
        if self.eat_punct(';').is_some() {
            return Ok(());
        }
        let reported = self.unexpected("`;` after `lossy …`");
        if self.at(&["up"]) || self.at(&["down"]) { Ok(()) } else { Err(reported) }
    }

    fn not_a_statement(&mut self, word: &str) -> Reported {
        if let Some(problem) = self.refused_statement() {
            return self.report(problem);
        }
        let problem = Problem::new(self.here(), format!("expected `up`, `down` or `lossy`, found {}", self.found()));
        let problem = match word {
            "irreversible" => problem
                .note("until the old column is dropped, old code reads what new code writes, so a way down is needed")
                .help("write a `down`, and let it raise an error for values the old column cannot hold"),
            _ => match nearest(word, ["up", "down", "lossy"]) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem,
            },
        };
        self.report(problem)
    }
}
