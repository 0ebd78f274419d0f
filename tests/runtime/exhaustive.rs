//! Every statement over a small domain, from every state a row can be in, against the model.

use migrate::Side;
use postgres::{Client, SimpleQueryMessage};

use crate::configs::{self, Config, Value};
use crate::database;
use crate::model::{Answers, Given, Model, Refused, Row};

/// A form of the sync: whose side wins, and whether a value that does not convert is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    pub authority: Side,
    pub strict: bool,
}

impl Form {
    /// While rows are filled, before the switch, and after it.
    const ALL: [Form; 3] = [
        Form { authority: Side::Old, strict: false },
        Form { authority: Side::Old, strict: true },
        Form { authority: Side::New, strict: true },
    ];
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "authority {}, {}", self.authority, if self.strict { "strict" } else { "lenient" })
    }
}

/// A difference between PostgreSQL and the model.
#[derive(Debug)]
#[allow(dead_code)] // Read through `Debug`.
pub struct Difference {
    pub authority: Side,
    pub statement: String,
    pub before: Option<Row>,
    pub expected: Result<Row, Refused>,
    pub found: Result<Row, String>,
    /// Conflicts counted by PostgreSQL and by the model, so far.
    pub conflicts: (i64, i64),
}

/// A table with the sync of a configuration installed and nothing filled, and a second connection for
/// the conversions.
pub struct Bench {
    pub config: Config,
    pub client: Client,
    pub conversions: Client,
    answers: Answers,
    _database: migrate::testing::ScratchDatabase,
}

impl Bench {
    pub fn new(config: Config) -> Bench {
        let database = database::fresh();
        let mut client = database.connect().expect("a connection");
        database::create_item(&mut client, &config, false);
        // The plan of a table without rows goes through to the end of its stage; NOT NULL is taken off
        // again, so that unfilled rows can stand there.
        let report = database::migrator((config.plan)()).run(&mut client).expect("a run");
        assert!(report.is_complete(), "{report}");
        let lens = &(config.plan)().tables[0].lenses[0];
        client
            .batch_execute(&format!("ALTER TABLE public.item ALTER COLUMN \"{}\" DROP NOT NULL", lens.new.column))
            .expect("an unconstrained column");
        let conversions = database.connect().expect("a connection");
        Bench { config, client, conversions, answers: Answers::default(), _database: database }
    }

    /// The body of the sync function in each of its forms.
    pub fn bodies(&mut self) -> [(Form, String); 3] {
        Form::ALL.map(|form| {
            let shape = if form.strict { "strict" } else { "live" };
            let row = self
                .client
                .query_one(
                    "SELECT block FROM migrate.part WHERE shape = $1 AND side = $2 AND number = 0",
                    &[&shape, &form.authority.as_str()],
                )
                .expect("the journaled lens");
            (form, row.get::<_, String>(0))
        })
    }

    pub fn install(&mut self, body: &str) {
        let sql = format!(
            "CREATE OR REPLACE FUNCTION migrate.\"sync public.item\"() RETURNS trigger LANGUAGE plpgsql AS \
             $body$\nBEGIN\n{body}  RETURN NEW;\nEND\n$body$"
        );
        self.client.batch_execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Lets the update trigger fire for every update, as another plan on the table may make it.
    pub fn fire_always(&mut self) {
        self.fire_when("true");
    }

    /// Gives the update trigger this condition.
    pub fn fire_when(&mut self, condition: &str) {
        let sql = format!(
            "CREATE OR REPLACE TRIGGER \"~migrate_sync_u\" BEFORE UPDATE ON public.item FOR EACH ROW \
             WHEN ({condition}) EXECUTE FUNCTION migrate.\"sync public.item\"()"
        );
        self.client.batch_execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Tries everything in one form, until something differs.
    pub fn try_all(&mut self, form: Form) -> Result<usize, Box<Difference>> {
        let mut model = Model::new(&mut self.conversions, &self.config, &self.answers);
        (model.authority, model.strict) = (form.authority, form.strict);
        let counted_before = self.client.query_one(CONFLICTS, &[]).expect("the count of conflicts").get(0);
        let trial = Trial { client: &mut self.client, config: &self.config, model: &model, counted_before };
        trial.run()
    }
}

struct Trial<'a> {
    client: &'a mut Client,
    config: &'a Config,
    model: &'a Model<'a>,
    counted_before: i64,
}

const CONFLICTS: &str = "SELECT last_value FROM migrate.item_change_conflicts";

impl Trial<'_> {
    fn run(mut self) -> Result<usize, Box<Difference>> {
        let lens = &(self.config.plan)().tables[0].lenses[0];
        let (old, new) = (lens.old.column.to_string(), lens.new.column.to_string());
        let context = self.config.context.map(|(name, _)| name);
        let canonical = |side, values: &[Option<&str>]| -> Vec<Value> {
            values.iter().map(|value| self.model.conversions.canonical(side, *value)).collect()
        };
        let (olds, news) = (canonical(Side::Old, self.config.old), canonical(Side::New, self.config.new));
        let contexts: Vec<Value> = if context.is_some() {
            self.config.context_values.iter().map(|value| Some((*value).to_owned())).collect()
        } else {
            vec![None]
        };
        let mut tried = 0;
        for given_context in &contexts {
            for given_old in given(&olds) {
                for given_new in given(&news) {
                    let mut columns = vec![("id", "1".to_owned()), ("other", "1".to_owned())];
                    columns.extend(context.map(|name| (name, text(given_context))));
                    for (name, value) in [(&old, &given_old), (&new, &given_new)] {
                        if let Given::As(value) = value {
                            columns.push((name, text(value)));
                        }
                    }
                    let (names, values): (Vec<&str>, Vec<String>) = columns.into_iter().unzip();
                    let sql = format!("INSERT INTO public.item ({}) VALUES ({})", names.join(", "), values.join(", "));
                    let expected = self.model.insert(&given_old, &given_new, given_context);
                    self.one(&sql, None, expected)?;
                    tried += 1;
                }
            }
        }
        let states = self.states(&olds, &news, &contexts);
        for before in states {
            self.put(&before, &old, &new);
            for set_context in optional(&contexts, context.is_some()) {
                for set_old in optional(&olds, true) {
                    for set_new in optional(&news, true) {
                        let mut sets = vec!["other = other + 1".to_owned()];
                        sets.extend(set_context.map(|value| format!("{} = {}", context.unwrap_or(""), text(value))));
                        sets.extend(set_old.map(|value| format!("{old} = {}", text(value))));
                        sets.extend(set_new.map(|value| format!("{new} = {}", text(value))));
                        let sql = format!("UPDATE public.item SET {} WHERE id = 0", sets.join(", "));
                        let expected = self.model.update(&before, set_old, set_new, set_context);
                        self.one(&sql, Some(&before), expected)?;
                        tried += 1;
                    }
                }
            }
        }
        Ok(tried)
    }

    /// Every row that can stand there, also such as nobody wrote through the sync.
    fn states(&self, olds: &[Value], news: &[Value], contexts: &[Value]) -> Vec<Row> {
        let not_null = (self.config.plan)().tables[0].lenses[0].old.not_null;
        let mut states: Vec<Row> = Vec::new();
        let mut add = |row: Row| {
            let refused = not_null && row.old.is_none();
            if !refused && !states.contains(&row) {
                states.push(row);
            }
        };
        for context in contexts {
            for old in olds {
                for new in news.iter().chain([&None]) {
                    add(Row { old: old.clone(), new: new.clone(), context: context.clone() });
                }
                // What an old writer leaves; it writes one side, so nothing is counted.
                self.model.insert(&Given::As(old.clone()), &Given::Omitted, context).map(&mut add).ok();
            }
            for new in news {
                // What a new writer leaves.
                self.model.insert(&Given::Omitted, &Given::As(new.clone()), context).map(&mut add).ok();
            }
        }
        states
    }

    /// Puts a row there past all triggers.
    fn put(&mut self, row: &Row, old: &str, new: &str) {
        let (mut names, mut values) =
            (vec!["id", "other", old, new], vec!["0".to_owned(), "1".to_owned(), text(&row.old), text(&row.new)]);
        if let Some((name, _)) = self.config.context {
            names.push(name);
            values.push(text(&row.context));
        }
        let mut sql = String::from("ALTER TABLE public.item DISABLE TRIGGER USER; DELETE FROM public.item;");
        if self.config.references {
            for key in row.old.iter() {
                sql += &format!("INSERT INTO public.parent VALUES ('{key}') ON CONFLICT DO NOTHING;");
            }
        }
        sql += &format!("INSERT INTO public.item ({}) VALUES ({});", names.join(", "), values.join(", "));
        sql += "ALTER TABLE public.item ENABLE TRIGGER USER;\
                ALTER TABLE public.item ENABLE ALWAYS TRIGGER \"~migrate_sync_i\";\
                ALTER TABLE public.item ENABLE ALWAYS TRIGGER \"~migrate_sync_u\"";
        self.client.batch_execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Runs a statement and takes it back.
    fn one(
        &mut self,
        statement: &str,
        before: Option<&Row>,
        expected: Result<Row, Refused>,
    ) -> Result<(), Box<Difference>> {
        // A foreign key refuses values that are no keys; that is not the sync's doing.
        if self.config.references
            && let Ok(row) = &expected
        {
            for key in row.old.iter() {
                let sql = format!("INSERT INTO public.parent VALUES ('{key}') ON CONFLICT DO NOTHING");
                self.client.batch_execute(&sql).expect("a parent");
            }
        }
        let lens = &(self.config.plan)().tables[0].lenses[0];
        let context = self.config.context.map_or("NULL", |(name, _)| name);
        let sql = format!(
            "BEGIN; {statement} RETURNING {}::text, {}::text, {context}::text; ROLLBACK; {CONFLICTS}",
            lens.old.column, lens.new.column
        );
        let (found, counted) = match self.client.simple_query(&sql) {
            Ok(messages) => {
                let mut rows = messages.iter().filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => Some(row),
                    _ => None,
                });
                let (row, count) = (rows.next(), rows.next());
                let value = |place| row.and_then(|row| row.get(place)).map(str::to_owned);
                (
                    Ok(Row { old: value(0), new: value(1), context: value(2) }),
                    count.and_then(|row| row.get(0)).map(str::to_owned),
                )
            }
            Err(error) => {
                self.client.batch_execute("ROLLBACK").expect("a rollback");
                let count: i64 = self.client.query_one(CONFLICTS, &[]).expect("the count of conflicts").get(0);
                let error = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
                (Err(error), Some(count.to_string()))
            }
        };
        let counted = counted.and_then(|text| text.parse().ok()).unwrap_or(0) - self.counted_before;
        let conflicts = (counted, self.model.conflicts.get());
        let same = conflicts.0 == conflicts.1
            && match (&expected, &found) {
                (Ok(expected), Ok(found)) => expected == found,
                (Err(_), Err(_)) => true,
                _ => false,
            };
        if same {
            return Ok(());
        }
        Err(Box::new(Difference {
            authority: self.model.authority,
            statement: statement.to_owned(),
            before: before.cloned(),
            expected,
            found,
            conflicts,
        }))
    }
}

fn text(value: &Value) -> String {
    value.as_ref().map_or("NULL".to_owned(), |text| format!("'{text}'"))
}

fn given(values: &[Value]) -> Vec<Given> {
    std::iter::once(Given::Omitted).chain(values.iter().cloned().map(Given::As)).collect()
}

fn optional(values: &[Value], there: bool) -> Vec<Option<&Value>> {
    std::iter::once(None).chain(values.iter().map(Some).filter(|_| there)).collect()
}

#[test]
fn every_statement_from_every_state_does_what_the_model_says() {
    for config in configs::all() {
        let name = config.name;
        let mut bench = Bench::new(config);
        for always in [false, true] {
            for (form, body) in bench.bodies() {
                bench.install(&body);
                match bench.try_all(form) {
                    Ok(tried) => assert!(tried > 20, "{name}: only {tried} statements"),
                    Err(difference) => panic!("{name}, always fired {always}: {difference:#?}"),
                }
            }
            bench.fire_always();
        }
    }
}
