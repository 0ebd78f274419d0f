//! SQL types in PostgreSQL's own spelling.

use migrate_plan::check::{Problem, nearest};
use migrate_plan::types::{BUILTINS, Base, Builtin, Type};
use proc_macro2::{Delimiter, Spacing};

use super::{Parsed, Parser, Word};
use crate::place::Place;

impl Parser<'_> {
    /// A type with its modifiers and array brackets.
    pub(super) fn ty(&mut self) -> Parsed<Type> {
        let mut ty = self.base_type()?;
        while let Some((_, size)) = self.group(Delimiter::Bracket, "`]`", Parser::array_size) {
            size?;
            ty.array = true;
        }
        if self.eat(&["array"]).is_some() {
            ty.array = true;
            if let Some((_, size)) = self.group(Delimiter::Bracket, "`]`", Parser::array_size) {
                size?;
            }
        }
        Ok(ty)
    }

    /// PostgreSQL takes a size and keeps none.
    fn array_size(&mut self) -> Parsed<()> {
        if self.at_end() {
            return Ok(());
        }
        self.integer("the size of the array").map(drop)
    }

    fn base_type(&mut self) -> Parsed<Type> {
        let start = self.here();
        if let Some(text) = self.peek_string() {
            self.skip();
            return if self.at_path() { self.path_type(text, start) } else { self.quoted_type(&text, start) };
        }
        if ["not", "null", "default"].iter().any(|word| self.at(&[word])) {
            return Err(self.unexpected("a type"));
        }
        let Some(word) = self.next_word() else { return Err(self.unexpected("a type")) };
        if self.at_symbol("<") {
            let problem = Problem::new(start, "a type of Rust cannot stand here, as this is SQL")
                .help("write PostgreSQL's type; a column may be null unless `not null` follows");
            return Err(self.report(problem));
        }
        if self.at_path() {
            return self.path_type(word.text, start);
        }
        self.builtin_type(&word)
    }

    /// Whether a dot comes next, and not two.
    fn at_path(&self) -> bool {
        self.cursor.punct().is_some_and(|(punct, _)| punct.as_char() == '.' && punct.spacing() == Spacing::Alone)
    }

    /// `"char"` is a type of one byte; other quoted names need their schema.
    fn quoted_type(&mut self, text: &str, place: Place) -> Parsed<Type> {
        if text == "char"
            && let Some(builtin) = Builtin::find("\"char\"")
        {
            return Ok(Type::of(builtin));
        }
        let problem = Problem::new(place, format!("the type `\"{text}\"` stands without its schema"))
            .note("what a bare name means depends on the `search_path` of the session that asks")
            .help(format!("write `public.\"{text}\"`, or the schema it is in"));
        Err(self.report(problem))
    }

    /// `app.status`, `public.geometry(Point, 4326)`, `pg_catalog.int4`
    fn path_type(&mut self, schema: String, start: Place) -> Parsed<Type> {
        self.eat_punct('.');
        let name = self.name("the type's name")?;
        if self.at_path() {
            let problem = Problem::new(start, "a type is named by its schema and its name, and nothing before them")
                .help(format!("leave out `{schema}.`: a database cannot use types of another one"));
            return Err(self.report(problem));
        }
        if schema == "pg_catalog" {
            return self.catalog_type(&name.text, start.to(name.span));
        }
        let list = self.group(Delimiter::Parenthesis, "`,` or `)`", Parser::user_modifiers);
        let modifiers = list.map_or(Ok(Vec::new()), |(_, modifiers)| modifiers)?;
        Ok(Type { base: Base::User { schema, name: name.text }, modifiers, fields: None, array: false })
    }

    /// `pg_catalog` knows its types by the names in `pg_type`, not by those of SQL's grammar.
    fn catalog_type(&mut self, name: &str, place: Place) -> Parsed<Type> {
        const OF_GRAMMAR: [&str; 11] = [
            "smallint",
            "integer",
            "int",
            "bigint",
            "decimal",
            "dec",
            "real",
            "boolean",
            "character",
            "nchar",
            "float",
        ];
        let written = if name == "char" { "\"char\"" } else { name };
        match Builtin::find(written).filter(|_| !OF_GRAMMAR.contains(&name) && !name.contains(' ')) {
            Some(builtin) => self.modified(builtin, place),
            None => {
                let problem = Problem::new(place, format!("`pg_catalog` has no type `{name}`"));
                let problem = match (Builtin::find(name), near_type(name)) {
                    (Some(builtin), _) => problem.help(format!("write `{}`", builtin.name)),
                    (None, Some(near)) => problem.help(format!("did you mean `{near}`?")),
                    (None, None) => problem,
                };
                Err(self.report(problem))
            }
        }
    }

    fn user_modifiers(&mut self) -> Parsed<Vec<String>> {
        let mut list = Vec::new();
        loop {
            if let Some(text) = self.peek_string() {
                self.skip();
                list.push(migrate_plan::ident::literal(&text));
            } else if let Some(word) = self.next_word() {
                list.push(word.text);
            } else {
                list.push(self.integer("a modifier of the type")?.0.to_string());
            }
            if self.eat_punct(',').is_none() {
                return Ok(list);
            }
        }
    }

    fn builtin_type(&mut self, first: &Word) -> Parsed<Type> {
        let start = first.place;
        let mut words = if first.raw { format!("r#{}", first.text) } else { first.text.to_ascii_lowercase() };
        match words.as_str() {
            "float" => return self.float(start),
            "interval" => return self.interval(start),
            "time" | "timestamp" => return self.time(&words, start),
            "double" => {
                if self.eat(&["precision"]).is_none() {
                    let problem =
                        Problem::new(start, "PostgreSQL's type has two words").help("write `double precision`");
                    return Err(self.report(problem));
                }
                words.push_str(" precision");
            }
            "national" => {
                let kind = ["character", "char"].into_iter().find(|word| self.eat(&[word]).is_some());
                let Some(kind) = kind else { return Err(self.unexpected("`character` after `national`")) };
                words.push(' ');
                words.push_str(kind);
            }
            _ => {}
        }
        let may_vary =
            matches!(words.as_str(), "character" | "char" | "nchar" | "bit" | "national character" | "national char");
        if may_vary && self.eat(&["varying"]).is_some() {
            words.push_str(" varying");
        }
        match Builtin::find(&words) {
            Some(builtin) => self.modified(builtin, start.to(self.before())),
            None => {
                let problem = unknown_type(&first.text, start);
                Err(self.report(problem))
            }
        }
    }
}

fn unknown_type(written: &str, place: Place) -> Problem<Place> {
    let word = written.to_ascii_lowercase();
    let serial = match word.as_str() {
        "smallserial" | "serial2" => Some("smallint"),
        "serial" | "serial4" => Some("integer"),
        "bigserial" | "serial8" => Some("bigint"),
        _ => None,
    };
    if let Some(integer) = serial {
        return Problem::new(
            place,
            format!("`{word}` is no type: it is `{integer}` with a sequence behind its default"),
        )
        .note("the sync tells an omitted column by its default, and the next number of a sequence cannot be recognised")
        .help(format!("write `{integer}`"));
    }
    let problem = Problem::new(place, format!("PostgreSQL has no type `{written}`"));
    match of_elsewhere(&word).or_else(|| near_type(&word)) {
        Some(near) => problem
            .help(format!("did you mean `{near}`? A type of your own is written with its schema: `public.{written}`")),
        None => problem.help(format!("a type of your own is written with its schema: `public.{written}`")),
    }
}

fn near_type(word: &str) -> Option<&'static str> {
    nearest(word, BUILTINS.iter().flat_map(|builtin| builtin.aliases.iter().copied().chain([builtin.name])))
}

/// The type of PostgreSQL that is meant by a word of Rust or of another database.
fn of_elsewhere(word: &str) -> Option<&'static str> {
    Some(match word {
        "i8" | "u8" | "i16" | "tinyint" => "smallint",
        "u16" | "i32" | "mediumint" | "number" => "integer",
        "u32" | "i64" | "isize" | "long" => "bigint",
        "u64" | "usize" | "i128" | "u128" | "bignum" => "numeric",
        "f32" => "real",
        "f64" | "double" => "double precision",
        "string" | "str" | "clob" | "longtext" | "mediumtext" | "tinytext" | "ntext" => "text",
        "varchar2" | "nvarchar" | "nvarchar2" => "varchar",
        "datetime" | "datetime2" | "smalldatetime" => "timestamptz",
        "blob" | "binary" | "varbinary" | "longblob" | "bytes" | "raw" => "bytea",
        "guid" | "uniqueidentifier" => "uuid",
        _ => return None,
    })
}
