//! A table: the columns that conversions may read, and what changes.

use migrate_plan::check::Problem;
use migrate_plan::declaration::{Column, Name, Table};
use proc_macro2::{Delimiter, TokenStream};

use super::{Parsed, Parser};
use crate::place::Place;
use crate::source::TableSource;

/// A table, and what goes with it.
pub(super) struct ParsedTable {
    pub(super) declared: Table<Place>,
    pub(super) source: TableSource,
}

impl Parser<'_> {
    /// What follows the word `table`.
    pub(super) fn table(&mut self, docs: TokenStream) -> Parsed<ParsedTable> {
        let (schema, name) = self.table_name()?;
        let context = match self.group(Delimiter::Parenthesis, "`,` or `)`", |parser| Ok(parser.context())) {
            Some((_, columns)) => columns.unwrap_or_default(),
            None => Vec::new(),
        };
        let mut declared = Table { schema, name, context, changes: Vec::new() };
        let mut source = TableSource { docs, changes: Vec::new(), lost_change: false };
        let body = self.group(Delimiter::Brace, "a change", |parser| {
            parser.changes(&mut declared, &mut source);
            Ok(())
        });
        if body.is_none() {
            source.lost_change = true;
            let problem = Problem::new(self.here(), format!("expected `{{` and what changes, found {}", self.found()))
                .help("changes stand in a table: `table name (key: type) { old: type => new: type; }`");
            self.report(problem);
            self.recover();
        }
        Ok(ParsedTable { declared, source })
    }

    /// `orders`, `app.orders`
    fn table_name(&mut self) -> Parsed<(Option<Name<Place>>, Name<Place>)> {
        let first = self.name("the table's name")?;
        if self.eat_punct('.').is_none() {
            return Ok((None, first));
        }
        let second = self.name("the table's name")?;
        if self.at_punct('.') {
            let problem =
                Problem::new(first.span, "a table is named by its schema and its name, and nothing before them")
                    .help(format!("leave out `{}.`: the plan runs in the database it is connected to", first.text));
            return Err(self.report(problem));
        }
        Ok((Some(first), second))
    }

    /// `id: bigint, currency: text not null`
    fn context(&mut self) -> Vec<Column<Place>> {
        let mut columns = Vec::new();
        while !self.at_end() {
            self.docs();
            match self.column(&[",", "=>"]) {
                Ok((column, _)) => columns.push(column),
                Err(_) => self.recover_at(','),
            }
            if self.at_symbol("=>") {
                let problem = Problem::new(self.here(), "nothing is replaced in a table's brackets")
                    .note("the brackets declare columns that stay as they are")
                    .help("changes stand in braces: `table name (key: type) { old: type => new: type; }`");
                self.report(problem);
                self.recover_at(',');
            }
            if self.eat_punct(',').is_none() && !self.at_end() {
                self.unexpected("`,` or `)`");
                if !self.at_column() {
                    self.recover_at(',');
                    self.eat_punct(',');
                }
            }
        }
        columns
    }

    fn changes(&mut self, declared: &mut Table<Place>, source: &mut TableSource) {
        while !self.at_end() {
            if self.eat_punct(';').is_some() {
                continue;
            }
            let docs = self.docs();
            match self.change(docs) {
                Ok((change, rest)) => {
                    declared.changes.push(change);
                    source.changes.push(rest);
                }
                Err(_) => {
                    source.lost_change = true;
                    self.recover();
                }
            }
        }
    }
}
