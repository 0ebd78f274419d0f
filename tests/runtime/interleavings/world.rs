//! The table as it must be, and the connections that write and read it.

use std::collections::BTreeMap;
use std::io::Write;

use migrate::Side;
use postgres::Client;

use super::statement::{Place, Statement};
use crate::configs::{Config, Value};
use crate::model::{Answers, Given, Model, Refused, Row};

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub row: Row,
    pub part: i32,
}

/// The table, by key.
pub type Rows = BTreeMap<i64, Stored>;

/// The table as it must be, and the connections that make and watch it.
pub struct World {
    pub config: Config,
    /// For statements of applications.
    pub client: Client,
    /// For the conversions of the model.
    pub conversions: Client,
    pub answers: Answers,
    pub rows: Rows,
    pub place: Place,
    pub enforced: bool,
    pub partitioned: bool,
    pub has_merge: bool,
    pub parents: Vec<String>,
    pub statements: usize,
    /// Whether the runner goes forward just now; on its way back it tells of the same steps.
    pub forward: bool,
}

impl World {
    fn old(&self) -> &'static str {
        &(self.config.plan)().tables[0].lenses[0].old.column
    }

    fn new_column(&self) -> &'static str {
        &(self.config.plan)().tables[0].lenses[0].new.column
    }

    fn value(&mut self, side: Side, place: usize) -> Value {
        let domain = if side == Side::Old { self.config.old } else { self.config.new };
        self.model(|model| model.conversions.canonical(side, domain[place % domain.len()]))
    }

    fn context(&self, place: usize) -> Value {
        let values = self.config.context_values;
        (!values.is_empty()).then(|| values[place % values.len()].to_owned())
    }

    fn model<T>(&mut self, ask: impl FnOnce(&Model<'_>) -> T) -> T {
        let mut model = Model::new(&mut self.conversions, &self.config, &self.answers);
        model.authority = if self.place == Place::Switched { Side::New } else { Side::Old };
        model.enforced = self.enforced;
        model.strict = self.enforced;
        ask(&model)
    }

    /// The row that a statement leaves; before the plan there is one side only.
    fn inserted(&mut self, old: &Given, new: &Given, context: &Value) -> Result<Row, Refused> {
        if self.place != Place::Before {
            return self.model(|model| model.insert(old, new, context));
        }
        self.model(|model| model.insert_before(old, context))
    }

    fn updated(
        &mut self,
        before: &Row,
        old: Option<&Value>,
        new: Option<&Value>,
        context: Option<&Value>,
    ) -> Result<Row, Refused> {
        if self.place != Place::Before {
            return self.model(|model| model.update(before, old, new, context));
        }
        self.model(|model| model.update_before(before, old, context))
    }

    /// Runs one statement and compares what it left. With `keep` false the caller rolls it back.
    pub fn run(&mut self, statement: &Statement) -> Result<(), String> {
        let Some((sql, expected)) = self.expected(statement) else { return Ok(()) };
        self.statements += 1;
        let outcome = self.execute(&sql);
        match (expected, outcome) {
            (Ok(rows), Ok(())) => self.rows = rows,
            (Err(Refused), Err(_)) => {}
            (expected, outcome) => {
                return Err(format!(
                    "{statement:?}\n  {sql}\n  expected {expected:?}\n  got {outcome:?}\n  rows {:?}",
                    self.rows
                ));
            }
        }
        self.compare(&format!("{statement:?}: {sql}"))
    }

    fn execute(&mut self, sql: &str) -> Result<(), String> {
        let outcome = match sql.split_once('\n') {
            Some((copy, row)) if copy.starts_with("COPY ") => self.client.copy_in(copy).and_then(|mut writer| {
                // What does not arrive is seen when the copy is finished.
                let _ = writer.write_all(row.as_bytes());
                writer.finish().map(drop)
            }),
            _ => self.client.batch_execute(sql),
        };
        outcome.map_err(|error| {
            error.as_db_error().map_or_else(|| error.to_string(), |db| format!("{} {}", db.code().code(), db.message()))
        })
    }

    /// The SQL of a statement, and the table it must leave; nothing where it makes no sense now.
    fn expected(&mut self, statement: &Statement) -> Option<(String, Result<Rows, Refused>)> {
        let both = self.place != Place::Before;
        match statement {
            Statement::Insert { id, old, new, context, by_copy } => {
                let new = new.filter(|_| both);
                let given = |value: Option<Value>| value.map_or(Given::Omitted, Given::As);
                let old = old.map(|place| self.value(Side::Old, place));
                let new = new.map(|place| self.value(Side::New, place));
                let context = self.context(*context);
                let sql = self.insert_sql(*id, old.as_ref(), new.as_ref(), &context, *by_copy);
                match self.rows.get(id) {
                    Some(stored) if stored.part == 0 => return Some((sql, Err(Refused))),
                    Some(_) => return None,
                    None => {}
                }
                let row = self.inserted(&given(old), &given(new), &context);
                Some((sql, self.with(*id, 0, row)))
            }
            Statement::Update { id, old, new, context, other } => {
                let before = self.rows.get(id)?.clone();
                let old = old.map(|place| self.value(Side::Old, place));
                let new = new.filter(|_| both).map(|place| self.value(Side::New, place));
                let context = context.map(|place| self.context(place)).filter(Option::is_some);
                let mut sets = Vec::new();
                for (name, value) in [(self.old(), &old), (self.new_column(), &new)] {
                    sets.extend(value.as_ref().map(|value| format!("{name} = {}", text(value))));
                }
                if let (Some((name, _)), Some(value)) = (self.config.context, &context) {
                    sets.push(format!("{name} = {}", text(value)));
                }
                if *other || sets.is_empty() {
                    sets.push("other = coalesce(other, 0) + 1".to_owned());
                }
                let row = self.updated(&before.row, old.as_ref(), new.as_ref(), context.as_ref());
                Some((
                    format!("UPDATE public.item SET {} WHERE id = {id}", sets.join(", ")),
                    self.with(*id, before.part, row),
                ))
            }
            Statement::Upsert { id, side, value, context } => {
                let side = if *side && both { Side::New } else { Side::Old };
                let value = self.value(side, *value);
                let context = self.context(*context);
                let given = Given::As(value.clone());
                let (old, new) = if side == Side::Old { (given, Given::Omitted) } else { (Given::Omitted, given) };
                let name = if side == Side::Old { self.old() } else { self.new_column() };
                let insert = match side {
                    Side::Old => self.insert_sql(*id, Some(&value), None, &context, false),
                    Side::New => self.insert_sql(*id, None, Some(&value), &context, false),
                };
                let sql = format!("{insert} ON CONFLICT (id, part) DO UPDATE SET {name} = excluded.{name}");
                // The row that is proposed goes through the triggers first, even where it is not inserted.
                let proposed = self.inserted(&old, &new, &context);
                let before = self.rows.get(id).filter(|stored| stored.part == 0).cloned();
                let row = match (proposed, before) {
                    (Err(refused), _) => Err(refused),
                    (Ok(row), None) => Ok(row),
                    (Ok(row), Some(before)) => match side {
                        Side::Old => self.updated(&before.row, Some(&row.old), None, None),
                        Side::New => self.updated(&before.row, None, Some(&row.new), None),
                    },
                };
                if self.rows.get(id).is_some_and(|stored| stored.part != 0) {
                    return None;
                }
                Some((sql, self.with(*id, 0, row)))
            }
            Statement::Merge { id, side, value, context } => {
                if !self.has_merge || self.rows.get(id).is_some_and(|stored| stored.part != 0) {
                    return None;
                }
                let side = if *side && both { Side::New } else { Side::Old };
                let value = self.value(side, *value);
                let context = self.context(*context);
                let name = if side == Side::Old { self.old() } else { self.new_column() };
                let (names, values) = match self.config.context {
                    Some((column, _)) => (format!(", {column}"), format!(", {}", text(&context))),
                    None => (String::new(), String::new()),
                };
                let sql = format!(
                    "MERGE INTO public.item USING (VALUES ({id})) AS given(id) ON item.id = given.id \
                     WHEN MATCHED THEN UPDATE SET {name} = {v} \
                     WHEN NOT MATCHED THEN INSERT (id, {name}{names}) VALUES (given.id, {v}{values})",
                    v = text(&value)
                );
                let row = match self.rows.get(id).cloned() {
                    Some(before) if side == Side::Old => self.updated(&before.row, Some(&value), None, None),
                    Some(before) => self.updated(&before.row, None, Some(&value), None),
                    None if side == Side::Old => self.inserted(&Given::As(value), &Given::Omitted, &context),
                    None => self.inserted(&Given::Omitted, &Given::As(value), &context),
                };
                Some((sql, self.with(*id, 0, row)))
            }
            Statement::Move { id } => {
                if !self.partitioned {
                    return None;
                }
                let before = self.rows.get(id)?.clone();
                let part = 1 - before.part;
                // An update that changes nothing else, then an insert of what it left.
                let row = self.updated(&before.row, None, None, None).and_then(|row| {
                    if self.place == Place::Before {
                        return self.inserted(&Given::As(row.old.clone()), &Given::Omitted, &row.context);
                    }
                    self.inserted(&Given::As(row.old.clone()), &Given::As(row.new.clone()), &row.context)
                });
                Some((format!("UPDATE public.item SET part = {part} WHERE id = {id}"), self.with(*id, part, row)))
            }
            Statement::Cascade { from, to } => {
                if !self.config.references {
                    return None;
                }
                let from = self.parents[from % self.parents.len()].clone();
                let to = format!("{}{}", ["x", "y", "z"][to % 3], &from[from.len().min(1)..]);
                if self.parents.contains(&to) {
                    return None;
                }
                let mut rows = self.rows.clone();
                for stored in rows.values_mut().filter(|stored| stored.row.old.as_ref() == Some(&from)) {
                    match self.updated(&stored.row.clone(), Some(&Some(to.clone())), None, None) {
                        Ok(row) => stored.row = row,
                        Err(refused) => return Some((String::new(), Err(refused))),
                    }
                }
                let at = self.parents.iter().position(|key| *key == from)?;
                self.parents[at].clone_from(&to);
                Some((format!("UPDATE public.parent SET code = '{to}' WHERE code = '{from}'"), Ok(rows)))
            }
            Statement::Delete { id } => {
                let mut rows = self.rows.clone();
                rows.remove(id);
                Some((format!("DELETE FROM public.item WHERE id = {id}"), Ok(rows)))
            }
        }
    }

    fn insert_sql(&self, id: i64, old: Option<&Value>, new: Option<&Value>, context: &Value, by_copy: bool) -> String {
        let mut columns = vec![("id", id.to_string())];
        columns.extend(old.map(|value| (self.old(), text(value))));
        columns.extend(new.map(|value| (self.new_column(), text(value))));
        if let Some((name, _)) = self.config.context {
            columns.push((name, text(context)));
        }
        let (names, values): (Vec<&str>, Vec<String>) = columns.into_iter().unzip();
        let (names, values) = (names.join(", "), values.join(", "));
        if by_copy {
            let row = values.replace(", ", "\t").replace('\'', "").replace("NULL", "\\N");
            return format!("COPY public.item ({names}) FROM STDIN\n{row}\n");
        }
        format!("INSERT INTO public.item ({names}) VALUES ({values})")
    }

    /// The rows with one changed; a foreign key may refuse it.
    fn with(&self, id: i64, part: i32, row: Result<Row, Refused>) -> Result<Rows, Refused> {
        let row = row?;
        if self.config.references && row.old.as_ref().is_some_and(|key| !self.parents.contains(key)) {
            return Err(Refused);
        }
        let mut rows = self.rows.clone();
        rows.insert(id, Stored { row, part });
        Ok(rows)
    }

    /// The whole table is what the model says.
    pub fn compare(&mut self, after: &str) -> Result<(), String> {
        let new = if self.place == Place::Before { "NULL" } else { self.new_column() };
        let context = self.config.context.map_or("NULL", |(name, _)| name);
        let sql = format!("SELECT id, {}::text, {new}::text, {context}::text, part FROM public.item", self.old());
        let found: BTreeMap<i64, Stored> = self
            .client
            .query(&sql, &[])
            .map_err(|error| format!("{sql}: {error:?}"))?
            .into_iter()
            .map(|row| {
                let stored =
                    Stored { row: Row { old: row.get(1), new: row.get(2), context: row.get(3) }, part: row.get(4) };
                (row.get(0), stored)
            })
            .collect();
        if found == self.rows {
            return Ok(());
        }
        Err(format!("after {after}\n  in {:?}\n  expected {:?}\n  found    {found:?}", self.place, self.rows))
    }

    /// The backfill has passed: every row that converts is filled. Answers how many do not.
    pub fn fill(&mut self, only: Option<i32>) -> usize {
        let mut rows = std::mem::take(&mut self.rows);
        let failed = self.model(|model| {
            let passed = rows.values_mut().filter(|stored| only.is_none_or(|part| stored.part == part));
            passed.map(|stored| model.fill(&mut stored.row)).filter(Result::is_err).count()
        });
        self.rows = rows;
        failed
    }

    pub fn aborted(&mut self, statements: &[Statement]) -> Result<(), String> {
        let (rows, parents) = (self.rows.clone(), self.parents.clone());
        self.client.batch_execute("BEGIN; SAVEPOINT s").map_err(|error| error.to_string())?;
        for statement in statements {
            let (rows, parents) = (self.rows.clone(), self.parents.clone());
            let Some((sql, expected)) = self.expected(statement) else { continue };
            match self.execute(&sql) {
                Ok(()) if expected.is_ok() => self.rows = expected.unwrap_or_default(),
                Err(_) if expected.is_err() => {
                    self.client.batch_execute("ROLLBACK TO s").map_err(|error| error.to_string())?;
                    (self.rows, self.parents) = (rows, parents);
                    break;
                }
                outcome => return Err(format!("{statement:?}: {sql}: expected {expected:?}, got {outcome:?}")),
            }
        }
        self.client.batch_execute("ROLLBACK").map_err(|error| error.to_string())?;
        (self.rows, self.parents) = (rows, parents);
        self.compare("a rollback")
    }
}

fn text(value: &Value) -> String {
    value.as_ref().map_or("NULL".to_owned(), |text| format!("'{text}'"))
}
