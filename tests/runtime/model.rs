//! What the sync must do, said a second time and without SQL: DESIGN's arms over a row of values.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use migrate::Side;
use migrate_plan::plan::Table;
use postgres::Client;

use crate::configs::{Config, Value};

/// A row of `public.item` as far as the sync is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub old: Value,
    pub new: Value,
    pub context: Value,
}

/// What a statement says of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Given {
    Omitted,
    As(Value),
}

/// PostgreSQL must refuse the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// A conversion's outcome: a value, or an error because of the value.
pub type Converted = Result<Value, Refused>;

/// What PostgreSQL has answered so far.
pub type Answers = Arc<Mutex<HashMap<(String, Value, Value), Converted>>>;

/// The two conversions, computed by PostgreSQL outside of any trigger, each once.
pub struct Conversions<'a> {
    client: RefCell<&'a mut Client>,
    table: &'static Table,
    context: Option<(&'static str, String)>,
    answers: Answers,
}

impl<'a> Conversions<'a> {
    pub fn new(client: &'a mut Client, config: &Config, answers: &Answers) -> Conversions<'a> {
        let context = config.context.map(|(name, ty)| (name, ty.replace(" not null", "")));
        let table = &(config.plan)().tables[0];
        Conversions { client: RefCell::new(client), table, context, answers: Arc::clone(answers) }
    }

    fn convert(&self, to: Side, value: &Value, context: &Value) -> Converted {
        let lens = &self.table.lenses[0];
        let (conversion, from, into) = match to {
            Side::New => (&lens.up, &lens.old, &lens.new),
            Side::Old => (&lens.down, &lens.new, &lens.old),
        };
        let (name, ty) = self.context.clone().unwrap_or(("unused", "text".to_owned()));
        let sql = format!(
            "SELECT (({})::{})::text FROM (SELECT $1::text::{} AS \"{}\", $2::text::{ty} AS \"{name}\") AS given",
            conversion.expression, into.ty, from.ty, from.column
        );
        self.ask(sql, value, context)
    }

    /// One answer of PostgreSQL's, asked for once.
    fn ask(&self, sql: String, value: &Value, context: &Value) -> Converted {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (sql, value.clone(), context.clone());
        if let Some(known) = answers.get(&key) {
            return known.clone();
        }
        let converted = match self.client.borrow_mut().query_one(&key.0, &[value, context]) {
            Ok(row) => Ok(row.get(0)),
            Err(error) if error.code().is_some_and(|code| code.code().starts_with("22")) => Err(Refused),
            Err(error) => panic!("{}: {error:?}", key.0),
        };
        answers.insert(key, converted.clone());
        converted
    }

    /// A value as PostgreSQL prints it in the column of this side.
    pub fn canonical(&self, side: Side, value: Option<&str>) -> Value {
        let lens = &self.table.lenses[0];
        let ty = if side == Side::Old { &lens.old.ty } else { &lens.new.ty };
        let sql = format!("SELECT ($1::text::{ty})::text FROM (SELECT $2::text) AS nothing");
        self.ask(sql, &value.map(str::to_owned), &None).expect("a value of the domain")
    }

    /// A default as PostgreSQL prints it in the column of this side.
    fn default(&self, side: Side) -> Value {
        let lens = &self.table.lenses[0];
        let shape = if side == Side::Old { &lens.old } else { &lens.new };
        let default = shape.default.as_ref()?;
        let sql = format!("SELECT (({default})::{})::text FROM (SELECT $1::text, $2::text) AS nothing", shape.ty);
        self.ask(sql, &None, &None).expect("a default")
    }
}

/// The sync of one table under one authority.
pub struct Model<'a> {
    pub conversions: Conversions<'a>,
    pub authority: Side,
    /// Whether what `up` does not convert is refused also before the switch.
    pub strict: bool,
    /// Whether the finished `NOT NULL` of the new column stands already.
    pub enforced: bool,
    old_not_null: bool,
    new_not_null: bool,
    old_default: Value,
    new_default: Value,
    lower_cased: bool,
    /// Statements that wrote both sides in disagreement.
    pub conflicts: Cell<i64>,
}

impl<'a> Model<'a> {
    pub fn new(client: &'a mut Client, config: &Config, answers: &Answers) -> Model<'a> {
        let conversions = Conversions::new(client, config, answers);
        let lens = &conversions.table.lenses[0];
        Model {
            old_not_null: lens.old.not_null,
            new_not_null: lens.new.not_null,
            old_default: conversions.default(Side::Old),
            new_default: conversions.default(Side::New),
            lower_cased: config.lower_cased,
            conversions,
            authority: Side::Old,
            strict: false,
            enforced: false,
            conflicts: Cell::new(0),
        }
    }

    /// The row as an `INSERT` leaves it.
    pub fn insert(&self, old: &Given, new: &Given, context: &Value) -> Result<Row, Refused> {
        let given = |given: &Given, default: &Value| match given {
            Given::Omitted => default.clone(),
            Given::As(value) => value.clone(),
        };
        // The new column has no default of its own while both sides live.
        let mut row = Row { old: given(old, &self.old_default), new: given(new, &None), context: context.clone() };
        self.users_trigger(&mut row);
        match (&row.old, &row.new) {
            (None, None) if self.old_not_null => {
                if self.old_default.is_none() {
                    row.new = self.new_default.clone();
                }
                row.old = self.down(&row)?;
            }
            (_, None) => row.new = self.derived(&row)?,
            (None, Some(_)) if self.old_not_null => row.old = self.down(&row)?,
            _ => {
                let omitted = match &self.old_default {
                    Some(default) => row.old.as_ref() == Some(default),
                    None => row.old.is_none(),
                };
                if !self.agrees(&row) {
                    if omitted { row.old = self.down(&row)? } else { self.resolve(&mut row)? }
                }
            }
        }
        self.constrained(row)
    }

    /// The row as an `INSERT` leaves it where there is no plan.
    pub fn insert_before(&self, old: &Given, context: &Value) -> Result<Row, Refused> {
        let old = match old {
            Given::Omitted => self.old_default.clone(),
            Given::As(value) => value.clone(),
        };
        let mut row = Row { old, new: None, context: context.clone() };
        self.users_trigger(&mut row);
        if self.old_not_null && row.old.is_none() { Err(Refused) } else { Ok(row) }
    }

    /// The row as an `UPDATE` leaves it where there is no plan.
    pub fn update_before(&self, before: &Row, old: Option<&Value>, context: Option<&Value>) -> Result<Row, Refused> {
        let old = Given::As(old.unwrap_or(&before.old).clone());
        self.insert_before(&old, context.unwrap_or(&before.context))
    }

    /// The row as an `UPDATE` leaves it; `None` leaves a column alone.
    pub fn update(
        &self,
        before: &Row,
        old: Option<&Value>,
        new: Option<&Value>,
        context: Option<&Value>,
    ) -> Result<Row, Refused> {
        let mut row = Row {
            old: old.unwrap_or(&before.old).clone(),
            new: new.unwrap_or(&before.new).clone(),
            context: context.unwrap_or(&before.context).clone(),
        };
        self.users_trigger(&mut row);
        let (old_changed, new_changed) = (row.old != before.old, row.new != before.new);
        let supplied = row.new.is_some() || !self.new_not_null;
        if old_changed && new_changed && supplied {
            if !self.agrees(&row) {
                self.resolve(&mut row)?;
            }
        } else if old_changed {
            row.new = self.derived(&row)?;
        } else if new_changed {
            if !supplied {
                return Err(Refused);
            }
            if self.up(&row) != Ok(row.new.clone()) {
                row.old = self.down(&row)?;
            }
        } else if row.context != before.context {
            match (&row.new, self.authority) {
                (None, Side::Old) => row.new = self.derived(&row)?,
                (None, Side::New) => row.new = self.up(&row).unwrap_or(None),
                (Some(_), _) => self.follow(before, &mut row)?,
            }
        } else if row.new.is_none() {
            row.new = self.up(&row).unwrap_or(None);
        }
        self.constrained(row)
    }

    /// The row as the backfill leaves it, and whether it stays unfilled.
    pub fn fill(&self, row: &mut Row) -> Result<(), Refused> {
        if row.new.is_none() {
            row.new = self.up(row)?;
        }
        if row.new.is_none() && self.new_not_null { Err(Refused) } else { Ok(()) }
    }

    /// Whether both sides of a filled row belong together.
    pub fn agrees(&self, row: &Row) -> bool {
        self.up(row) == Ok(row.new.clone()) || self.down(row) == Ok(row.old.clone())
    }

    /// Only the context changed: the side that was derived follows; the authority decides where both
    /// could have been.
    fn follow(&self, before: &Row, row: &mut Row) -> Result<(), Refused> {
        let new_was_derived = self.up(before) == Ok(before.new.clone());
        let old_was_derived = self.down(before) == Ok(before.old.clone());
        let derive_new = match self.authority {
            Side::Old => new_was_derived || !old_was_derived,
            Side::New => new_was_derived && !old_was_derived,
        };
        if derive_new {
            row.new = self.derived(row)?
        } else {
            row.old = self.down(row)?
        }
        Ok(())
    }

    fn resolve(&self, row: &mut Row) -> Result<(), Refused> {
        self.conflicts.set(self.conflicts.get() + 1);
        match self.authority {
            Side::Old => row.new = self.derived(row)?,
            Side::New => row.old = self.down(row)?,
        }
        Ok(())
    }

    /// New from old; while rows are being filled a value that does not convert leaves it empty.
    fn derived(&self, row: &Row) -> Converted {
        if self.authority == Side::Old && !self.strict { Ok(self.up(row).unwrap_or(None)) } else { self.up(row) }
    }

    fn up(&self, row: &Row) -> Converted {
        self.conversions.convert(Side::New, &row.old, &row.context)
    }

    fn down(&self, row: &Row) -> Converted {
        self.conversions.convert(Side::Old, &row.new, &row.context)
    }

    fn users_trigger(&self, row: &mut Row) {
        if self.lower_cased {
            row.old = row.old.as_ref().map(|text| text.to_lowercase());
        }
    }

    fn constrained(&self, row: Row) -> Result<Row, Refused> {
        let refused =
            (self.old_not_null && row.old.is_none()) || (self.enforced && self.new_not_null && row.new.is_none());
        if refused { Err(Refused) } else { Ok(row) }
    }
}
