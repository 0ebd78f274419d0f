//! What stands between two values, or after one.

use migrate_plan::check::Problem;
use migrate_plan::expr::{Kind, Negated, Operator, Quantifier};
use proc_macro2::Delimiter;

use super::{Level, Node, Parsed, Parser, node};
use crate::place::Place;

impl Parser<'_> {
    /// `left` with the next operator and what belongs to it; `left` itself where none follows that
    /// binds at least as tightly as `least`.
    pub(super) fn extend(&mut self, left: Node, least: Level) -> Parsed<Node> {
        if self.at_double_colon() {
            return self.cast_after(left);
        }
        if let Some((symbol, place, _)) = self.symbol() {
            return self.symbol_after(left, least, &symbol, place);
        }
        if self.at_group(Delimiter::Bracket) {
            return self.index_after(left);
        }
        let Some(word) = self.peek_word().filter(|word| !word.raw) else {
            self.refused_after()?;
            return Ok(left);
        };
        match word.text.to_ascii_lowercase().as_str() {
            "or" if Level::Or >= least => self.binary(left, 1, Operator::Or, Level::Or),
            "and" if Level::And >= least => self.binary(left, 1, Operator::And, Level::And),
            "is" | "isnull" | "notnull" if Level::Is >= least => self.is_after(left),
            "at" if Level::TimeZone >= least => self.time_zone_after(left),
            "not" | "between" | "in" | "like" | "ilike" | "similar" if Level::Between >= least => {
                self.match_after(left)
            }
            _ => {
                self.refused_after()?;
                Ok(left)
            }
        }
    }

    /// `between`, `in`, `like` …, with `not` or without.
    fn match_after(&mut self, left: Node) -> Parsed<Node> {
        let negated = self.at(&["not"]);
        let at = |word: &str| if negated { self.at(&["not", word]) } else { self.at(&[word]) };
        // Of `default 0 not null` the `not` is none of the expression's.
        let found = ["between", "in", "like", "ilike", "similar"].into_iter().find(|word| at(word));
        let Some(word) = found else { return Ok(left) };
        let words = if negated { 2 } else { 1 };
        let not = if negated { Negated::Yes } else { Negated::No };
        self.take(words);
        match word {
            "between" => {
                let low = self.nested(Level::Other)?;
                self.expect("and")?;
                let high = self.nested(Level::Other)?;
                self.no_chain(Level::Between)?;
                let place = left.span.to(high.span);
                Ok(node(place, Kind::Between(Box::new(left), not, Box::new(low), Box::new(high))))
            }
            "in" => self.in_after(left, not),
            "like" => self.like(left, Operator::Like(not), if negated { "!~~" } else { "~~" }),
            "ilike" => self.like(left, Operator::ILike(not), if negated { "!~~*" } else { "~~*" }),
            _ => {
                self.expect("to")?;
                self.pattern(left, Operator::Similar(not))
            }
        }
    }

    fn take(&mut self, words: usize) {
        for _ in 0..words {
            self.skip();
        }
    }

    fn binary(&mut self, left: Node, words: usize, operator: Operator, level: Level) -> Parsed<Node> {
        self.take(words);
        let right = self.nested(level.tighter())?;
        Ok(node(left.span.to(right.span), Kind::Binary(Box::new(left), operator, Box::new(right))))
    }

    fn like(&mut self, left: Node, operator: Operator, symbol: &str) -> Parsed<Node> {
        if let Some(quantifier) = self.quantifier() {
            return self.quantified(left, symbol.to_owned(), quantifier);
        }
        self.pattern(left, operator)
    }

    fn pattern(&mut self, left: Node, operator: Operator) -> Parsed<Node> {
        let matched = self.binary(left, 0, operator, Level::Between)?;
        if self.at(&["escape"]) {
            let problem = Problem::new(self.here(), "an escape character of its own cannot be given here")
                .help("escape with a backslash, in Rust's text as `\"\\\\_\"`");
            return Err(self.report(problem));
        }
        self.no_chain(Level::Between)?;
        Ok(matched)
    }

    fn in_after(&mut self, left: Node, not: Negated) -> Parsed<Node> {
        let list = self.group(Delimiter::Parenthesis, "`,` or `)`", |parser| {
            parser.no_query()?;
            if parser.at_end() {
                let problem = Problem::new(parser.here(), "the list of `in` is empty");
                return Err(parser.report(problem));
            }
            parser.list()
        });
        match list {
            Some((place, list)) => Ok(node(left.span.to(place), Kind::In(Box::new(left), not, list?))),
            None => Err(self.unexpected("a list in brackets after `in`")),
        }
    }

    /// An operator made of characters.
    fn symbol_after(&mut self, left: Node, least: Level, symbol: &str, place: Place) -> Parsed<Node> {
        if symbol == "=>" {
            return Ok(left);
        }
        let symbol = if symbol == "!=" { "<>" } else { symbol };
        let level = Level::of(symbol);
        if level < least {
            return Ok(left);
        }
        if !is_infix(symbol) {
            return Err(self.not_an_infix(symbol, place));
        }
        if let Some((_, _, rest)) = self.symbol() {
            self.cursor = rest;
        }
        if let Some(quantifier) = self.quantifier() {
            return self.quantified(left, symbol.to_owned(), quantifier);
        }
        if symbol == "?" && (self.at_end() || self.at_punct(';')) {
            let problem = Problem::new(place, "`?` is Rust's, and this is SQL").help("leave it out");
            return Err(self.report(problem));
        }
        let right = self.nested(level.tighter())?;
        if level == Level::Compare {
            self.rust_condition(&right)?;
            self.no_chain(level)?;
        }
        let place = left.span.to(right.span);
        Ok(node(place, Kind::Binary(Box::new(left), Operator::Symbol(symbol.to_owned()), Box::new(right))))
    }

    /// `any`, `some` or `all`, where a bracket follows.
    fn quantifier(&self) -> Option<Quantifier> {
        let (ident, rest) = self.cursor.ident()?;
        rest.group(Delimiter::Parenthesis)?;
        match ident.to_string().to_ascii_lowercase().as_str() {
            "any" | "some" => Some(Quantifier::Any),
            "all" => Some(Quantifier::All),
            _ => None,
        }
    }

    fn quantified(&mut self, left: Node, symbol: String, quantifier: Quantifier) -> Parsed<Node> {
        self.skip();
        let array = self.group(Delimiter::Parenthesis, "`)`", |parser| {
            parser.no_query()?;
            parser.expression()
        });
        match array {
            Some((place, array)) => {
                let place = left.span.to(place);
                Ok(node(place, Kind::Quantified(Box::new(left), symbol, quantifier, Box::new(array?))))
            }
            None => Err(self.unexpected("an array in brackets")),
        }
    }

    /// `a > 0 && b > 0`, of which PostgreSQL would compute `0 && b` first.
    fn rust_condition(&mut self, right: &Node) -> Parsed<()> {
        let Kind::Binary(_, Operator::Symbol(symbol), _) = &right.kind else { return Ok(()) };
        let (word, meaning) = match symbol.as_str() {
            "&&" => ("and", "asks whether two arrays or ranges overlap"),
            "||" => ("or", "joins two texts or arrays"),
            _ => return Ok(()),
        };
        if !self.is_chained(Level::Compare) {
            return Ok(());
        }
        let problem = Problem::new(right.span, format!("in SQL `{symbol}` {meaning}"))
            .help(format!("write `{word}` between two conditions"));
        Err(self.report(problem))
    }

    /// Says that a second operator of a level which does not associate needs brackets.
    pub(super) fn no_chain(&mut self, level: Level) -> Parsed<()> {
        if !self.is_chained(level) {
            return Ok(());
        }
        let problem = Problem::new(self.here(), format!("{} cannot follow another comparison", self.found()))
            .help("say what is compared first, with brackets, or join two comparisons with `and`");
        Err(self.report(problem))
    }

    fn is_chained(&self, level: Level) -> bool {
        match level {
            Level::Compare => self
                .symbol()
                .is_some_and(|(symbol, ..)| Level::of(&symbol) == level && symbol != "=>" || symbol == "!="),
            Level::Is => ["is", "isnull", "notnull"].iter().any(|word| self.at(&[word])),
            _ => {
                let words = ["between", "in", "like", "ilike", "similar"];
                words.iter().any(|word| self.at(&[word]) || self.at(&["not", word]))
            }
        }
    }
}

/// PostgreSQL's own operators between two values (`pg_operator` of 14 to 18).
pub(super) fn is_infix(symbol: &str) -> bool {
    const KNOWN: &[&str] = &[
        "+", "-", "*", "/", "%", "^", "=", "<>", "<", ">", "<=", ">=", "||", "&", "|", "#", "<<", ">>", "~", "~*",
        "!~", "!~*", "~~", "~~*", "!~~", "!~~*", "^@", "->", "->>", "#>", "#>>", "#-", "@>", "<@", "?", "?|", "?&",
        "@?", "@@", "@@@", "&&", "-|-", "&<", "&>", "<<|", "|>>", "&<|", "|&>", "<->", "<^", ">^", "?#", "?-", "?-|",
        "?||", "~=", "##", "<<=", ">>=", "~<~", "~<=~", "~>~", "~>=~", "*=", "*<>", "*<", "*>", "*<=", "*>=",
    ];
    KNOWN.contains(&symbol)
}
