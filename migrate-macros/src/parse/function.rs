//! `extern fn app.f(text) -> integer immutable strict;`

use migrate_plan::check::{Problem, nearest};
use migrate_plan::declaration::ExternFn;
use migrate_plan::expr::Signature;
use migrate_plan::types::{Base, Modifiers, Type};
use proc_macro2::{Delimiter, TokenTree};

use super::{Parsed, Parser, Reported};
use crate::place::Place;

/// Why only immutable functions are taken.
const MUST_AGREE: &str =
    "the same row is converted by triggers, by the backfill and by the verification, and all must agree";

impl Parser<'_> {
    /// What follows the word `extern`.
    pub(super) fn function(&mut self) -> Parsed<ExternFn<Place>> {
        if self.peek_string().is_some() {
            let problem = Problem::new(self.here(), "a function of the database has no ABI")
                .help("write `extern fn schema.f(type) -> type immutable;`");
            return Err(self.report(problem));
        }
        if self.eat(&["fn"]).is_none() {
            let problem = Problem::new(self.here(), format!("expected `fn`, found {}", self.found()))
                .help("write `extern fn schema.f(type) -> type immutable;`");
            return Err(self.report(problem));
        }
        let (schema, name, span) = self.function_name()?;
        let arguments = self.group(Delimiter::Parenthesis, "`,` or `)`", Parser::argument_types);
        let Some((_, arguments)) = arguments else {
            return Err(self.unexpected(&format!("the types that `{schema}.{name}` takes, in brackets")));
        };
        let arguments = arguments?;
        if self.eat_symbol("->").is_none() {
            let problem = Problem::new(self.here(), format!("expected `->` and a type, found {}", self.found()))
                .help(format!("say what `{schema}.{name}` gives: `-> type`"));
            return Err(self.report(problem));
        }
        if self.at(&["setof"]) || self.at(&["table"]) {
            let problem = Problem::new(self.here(), format!("`{schema}.{name}` gives several rows"))
                .note("a conversion gives one value for one row")
                .help("declare a function that gives one value");
            return Err(self.report(problem));
        }
        let result = self.signature_type()?;
        let strict = self.behaviour(&format!("{schema}.{name}"))?;
        if self.eat_punct(';').is_none() {
            // Where only the semicolon is missing, the next item begins here.
            let reported = self.unexpected("`;` after the function");
            if !["extern", "table", "stage"].iter().any(|word| self.at(&[word])) {
                return Err(reported);
            }
        }
        Ok(ExternFn { span, signature: Signature { schema, name, arguments, result, strict } })
    }

    /// `app.f`, in lower case unless it is quoted, as in a call.
    fn function_name(&mut self) -> Parsed<(String, String, Place)> {
        let (schema, first) = self.part_of_name("the function's schema and name")?;
        if self.eat_punct('.').is_none() {
            let problem = Problem::new(first, format!("the function `{schema}` stands without its schema"))
                .note("what a bare name means depends on the `search_path` of the session that asks")
                .help(format!("write `extern fn public.{schema}(…)`, or the schema it is in"));
            return Err(self.report(problem));
        }
        let (name, last) = self.part_of_name("the function's name")?;
        let span = first.to(last);
        if schema == "pg_catalog" {
            let problem = Problem::new(span, "PostgreSQL's own functions need no declaration")
                .help(format!("leave this line out, and call it as `{name}(…)`"));
            return Err(self.report(problem));
        }
        Ok((schema, name, span))
    }

    fn part_of_name(&mut self, what: &str) -> Parsed<(String, Place)> {
        let quoted = self.peek_string().is_some();
        let name = self.name(what)?;
        Ok((if quoted { name.text } else { name.text.to_ascii_lowercase() }, name.span))
    }

    fn argument_types(&mut self) -> Parsed<Vec<Type>> {
        let mut types = Vec::new();
        while !self.at_end() {
            if self.is_named() {
                let problem = Problem::new(self.here(), "an argument is declared by its type alone")
                    .help("leave its name out: `extern fn app.f(text, integer) -> …`");
                return Err(self.report(problem));
            }
            if self.at(&["variadic"]) {
                let problem =
                    Problem::new(self.here(), "a variadic function is declared with the arguments it is given")
                        .help("write one line for each number of arguments, or declare a function that takes an array");
                return Err(self.report(problem));
            }
            types.push(self.signature_type()?);
            if self.eat_punct(',').is_none() && !self.at_end() {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
        Ok(types)
    }

    /// Whether `x: type` comes next.
    fn is_named(&self) -> bool {
        let colon = |tree: Option<TokenTree>| matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
        self.cursor.ident().is_some_and(|(_, rest)| colon(rest.token_tree().map(|(tree, _)| tree)))
    }

    /// A type without length or precision: PostgreSQL keeps none of them in a function's signature.
    fn signature_type(&mut self) -> Parsed<Type> {
        let start = self.here();
        let ty = self.ty()?;
        let bare = match &ty.base {
            // `char` is `char(1)`, and `bit` is `bit(1)`.
            Base::Builtin(builtin) => builtin.modifiers == Modifiers::Length && ty.modifiers == ["1"],
            Base::User { .. } => false,
        };
        if (!ty.modifiers.is_empty() && !bare) || ty.fields.is_some() {
            let plain = Type { modifiers: Vec::new(), fields: None, ..ty };
            let problem = Problem::new(start, "a function's types have no length and no precision")
                .note("PostgreSQL leaves them out of a function's signature without a word")
                .help(format!("write `{plain}`"));
            return Err(self.report(problem));
        }
        Ok(Type { modifiers: Vec::new(), ..ty })
    }

    /// `immutable`, and `strict` where it is; whether it is strict.
    fn behaviour(&mut self, function: &str) -> Parsed<bool> {
        let (mut immutable, mut strict) = (false, false);
        loop {
            if self.eat(&["immutable"]).is_some() {
                immutable = true;
            } else if self.eat(&["strict"]).is_some() {
                strict = true;
            } else if let Some(word) = ["volatile", "stable"].into_iter().find(|word| self.at(&[word])) {
                return Err(self.not_immutable(function, word));
            } else {
                break;
            }
        }
        if immutable {
            return Ok(strict);
        }
        let found = self.found();
        let near = self.peek_word().and_then(|word| nearest(&word.text, ["immutable", "strict"]));
        let problem = Problem::new(self.here(), format!("expected `immutable`, found {found}")).note(MUST_AGREE);
        let problem = match near {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => {
                problem.help(format!("write `immutable` where `{function}` is so: it is compared with the database"))
            }
        };
        Err(self.report(problem))
    }

    fn not_immutable(&mut self, function: &str, word: &str) -> Reported {
        let what = match word {
            "volatile" => "it may give another value every time",
            _ => "it may give another value in another session",
        };
        let problem = Problem::new(self.here(), format!("a conversion cannot call a {word} function: {what}"))
            .note(MUST_AGREE)
            .help(format!(
                "write a function that depends on its arguments alone, and declare that; where `{function}` does, say \
                 `immutable` here and `ALTER FUNCTION … IMMUTABLE` in the database"
            ));
        self.report(problem)
    }
}
