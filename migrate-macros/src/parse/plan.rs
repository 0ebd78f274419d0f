//! The head of a plan, its stage, and its tables one after the other.

use migrate_plan::Stage;
use migrate_plan::check::{Problem, nearest};
use migrate_plan::declaration::{Declaration, ExternFn, Name};
use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;

use super::{Parsed, Parser, Word};
use crate::place::Place;
use crate::source::Source;

/// The words that a declaration starts with.
const ITEMS: [&str; 3] = ["stage", "table", "extern"];

/// Reads a whole plan. Without a name there is nothing to expand, and so no source.
pub(crate) fn plan(parser: &mut Parser<'_>) -> Option<Source> {
    let attributes = parser.attributes();
    let visibility = parser.visibility();
    let mut items = Items::default();
    let module = match parser.module(&mut items) {
        Ok(module) => Some(module),
        Err(_) => {
            // Where only the head is missing, the plan follows at once.
            if !ITEMS.iter().any(|word| parser.at(&[word])) {
                parser.recover();
            }
            None
        }
    };
    let word = module.as_ref().map(Word::of);
    let name = word.map_or_else(|| parser.here(), |word| word.place);
    parser.items(&mut items);
    if items.stage.is_none() && !items.stage_is_flawed && module.is_some() {
        parser.report(
            Problem::new(name, "the plan does not say the stage of this build")
                .note("the stage says which shape of the tables the code of this build can use")
                .help("begin with `stage dual_write;`: the code can use both shapes, and asks at run time"),
        );
    }
    let module = module?;
    let text = Word::of(&module).text;
    let stage = items.stage.unwrap_or(Stage::DualWrite);
    let (tables, rest) = items.tables.into_iter().map(|table| (table.declared, table.source)).unzip();
    let declaration = Declaration {
        name: Name { text, span: name },
        stage,
        functions: items.functions,
        lost_function: items.lost_function,
        tables,
    };
    Some(Source { attributes, visibility, module, declaration, tables: rest, lost_table: items.lost_table })
}

/// What follows the head.
#[derive(Default)]
struct Items {
    stage: Option<Stage>,
    stage_is_flawed: bool,
    functions: Vec<ExternFn<Place>>,
    lost_function: bool,
    tables: Vec<super::table::ParsedTable>,
    lost_table: bool,
}

impl Parser<'_> {
    fn module(&mut self, items: &mut Items) -> Parsed<Ident> {
        if self.eat(&["mod"]).is_none() {
            return Err(self.begin_with_module());
        }
        let Some((module, rest)) = self.cursor.ident().filter(|(ident, _)| *ident != "_") else {
            return Err(self.unexpected("the plan's name"));
        };
        self.cursor = rest;
        if self.at_group(Delimiter::Brace) {
            let problem = Problem::new(self.here(), "the plan's module takes no braces")
                .help(format!("write `mod {module};`: everything after it is the plan"));
            self.report(problem);
            self.group(Delimiter::Brace, "", |parser| {
                parser.items(items);
                Ok(())
            });
        } else if self.eat_punct(';').is_none() {
            self.unexpected(&format!("`;` after `mod {module}`"));
        }
        Ok(module)
    }

    fn begin_with_module(&mut self) -> super::Reported {
        let problem = Problem::new(self.here(), format!("a plan begins with its name, found {}", self.found()))
            .help("begin with `pub mod name;`: the name is the plan's identity in the database for ever");
        self.report(problem)
    }

    /// `#[…]`, any number of them, as they are.
    fn attributes(&mut self) -> TokenStream {
        let mut tokens = TokenStream::new();
        while let Some((punct, rest)) = self.cursor.punct().filter(|(punct, _)| punct.as_char() == '#') {
            let Some((group, rest)) = rest.token_tree() else { break };
            TokenTree::Punct(punct).to_tokens(&mut tokens);
            group.to_tokens(&mut tokens);
            self.cursor = rest;
        }
        tokens
    }

    /// Doc comments; any other attribute stands on the module or nowhere.
    pub(super) fn docs(&mut self) -> TokenStream {
        let mut tokens = TokenStream::new();
        while self.at_punct('#') {
            let place = self.here();
            let attribute = self.attribute_name();
            let start = self.cursor;
            self.skip();
            self.skip();
            if attribute.as_deref() == Some("doc") {
                for tree in [start.token_tree(), start.token_tree().and_then(|(_, rest)| rest.token_tree())] {
                    tokens.extend(tree.map(|(tree, _)| tree));
                }
            } else {
                self.report(
                    Problem::new(place, "only doc comments can stand here")
                        .help("other attributes stand before the plan's `mod`, and are put on the module"),
                );
            }
        }
        tokens
    }

    fn attribute_name(&self) -> Option<String> {
        let (_, rest) = self.cursor.punct()?;
        let (inside, ..) = rest.group(Delimiter::Bracket)?;
        inside.ident().map(|(ident, _)| ident.to_string())
    }

    fn visibility(&mut self) -> TokenStream {
        let mut tokens = TokenStream::new();
        if let Some((word, rest)) = self.cursor.ident().filter(|(ident, _)| *ident == "pub") {
            word.to_tokens(&mut tokens);
            self.cursor = rest;
            if self.at_group(Delimiter::Parenthesis) {
                tokens.extend(self.cursor.token_tree().map(|(tree, _)| tree));
                self.skip();
            }
        }
        tokens
    }

    fn items(&mut self, items: &mut Items) {
        while !self.at_end() {
            if self.item(items).is_err() {
                self.recover();
            }
        }
    }

    fn item(&mut self, items: &mut Items) -> Parsed<()> {
        let docs = self.docs();
        let lost_before = items.lost_function;
        if let Some(place) = self.eat(&["stage"]) {
            if items.stage.is_some() || items.stage_is_flawed {
                self.report(
                    Problem::new(place, "the stage stands twice")
                        .help("a build is at one stage: keep the one that its code is ready for"),
                );
            }
            // Until it is read well, nothing follows from its absence.
            items.stage_is_flawed = true;
            items.stage = Some(self.stage()?);
            if self.eat_punct(';').is_none() {
                self.unexpected("`;` after the stage");
            }
            return Ok(());
        }
        if self.eat(&["table"]).is_some() {
            items.lost_table = true;
            let table = self.table(docs)?;
            items.tables.push(table);
            return Ok(());
        }
        if let Some(place) = self.eat(&["extern"]) {
            items.lost_function = true;
            let function = self.function()?;
            items.lost_function = lost_before;
            if !items.tables.is_empty() {
                let problem = Problem::new(place, "a function is declared before the tables")
                    .help("put this line after `stage …;`");
                self.report(problem);
            }
            items.functions.push(function);
            return Ok(());
        }
        Err(self.unknown_item(items))
    }

    fn stage(&mut self) -> Parsed<Stage> {
        let here = self.here();
        let word = self.next_word().map(|word| word.text);
        let found = [Stage::DualWrite, Stage::Switch, Stage::Contract]
            .into_iter()
            .find(|stage| word.as_deref() == Some(stage.as_str()));
        if let Some(stage) = found {
            return Ok(stage);
        }
        Err(self.report(not_a_stage(here, word.as_deref())))
    }

    fn unknown_item(&mut self, items: &mut Items) -> super::Reported {
        // What was meant is not known, so nothing may follow from the lack of it.
        (items.lost_table, items.lost_function) = (true, true);
        let place = self.here();
        let word = self.peek_word().map(|word| word.text);
        let problem = Problem::new(place, format!("expected `stage`, `extern fn` or `table`, found {}", self.found()));
        let problem = match word.as_deref() {
            Some("mod" | "pub") => problem.note("one `plan!` is one plan").help("write a second `plan!` for it"),
            Some("fn") => problem
                .help("a function of the database is declared with `extern fn schema.f(type) -> type immutable;`"),
            Some("expand" | "dual_write" | "switch" | "contract") => problem
                .note("the phases of a plan and their steps follow from what it changes")
                .help("say what the build is ready for with `stage`, and what changes with `table`"),
            Some(word) => match nearest(word, ITEMS) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help("changes stand in a table: `table name (key: type) { old: type => new: type; }`"),
            },
            None => problem,
        };
        self.report(problem)
    }
}

fn not_a_stage(place: Place, word: Option<&str>) -> Problem<Place> {
    let all = "a stage is `dual_write`, `switch` or `contract`";
    match word {
        Some("expand") => Problem::new(place, "`expand` is a phase, and no stage of a build")
            .note("the new shape exists before the first line of a build runs, whatever its stage")
            .help("write `stage dual_write;`: the code can use both shapes"),
        Some(word) => {
            let problem = Problem::new(place, format!("there is no stage `{word}`"));
            match nearest(word, [Stage::DualWrite, Stage::Switch, Stage::Contract].map(Stage::as_str)) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(all),
            }
        }
        None => Problem::new(place, "the stage is missing").help(all),
    }
}
