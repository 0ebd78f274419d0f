//! Queries of one round trip.
//!
//! The driver's own `query` has the server prepare each statement first, to learn the types of its parameters: a round
//! trip more, and the statement is closed after it. The types are known here, so that statement, parameters and result
//! go in one.

use postgres::types::{ToSql, Type};
use postgres::{Error, GenericClient, Row};

use crate::prepared;

/// A value whose type in PostgreSQL follows from its type in Rust.
pub(crate) trait Typed {
    const TYPE: Type;
}

macro_rules! typed {
    ($($rust:ty => $sql:ident),* $(,)?) => {
        $(impl Typed for $rust {
            const TYPE: Type = Type::$sql;
        })*
    };
}

typed! {
    bool => BOOL, i32 => INT4, i64 => INT8, u32 => OID, f64 => FLOAT8, str => TEXT, String => TEXT,
    [&str] => TEXT_ARRAY, [String] => TEXT_ARRAY, Vec<&str> => TEXT_ARRAY, Vec<String> => TEXT_ARRAY,
    Vec<i64> => INT8_ARRAY, [i32] => INT4_ARRAY, Vec<i32> => INT4_ARRAY, Vec<u32> => OID_ARRAY,
    Vec<Option<u32>> => OID_ARRAY,
}

impl<T: Typed + ?Sized> Typed for &T {
    const TYPE: Type = T::TYPE;
}

impl<T: Typed> Typed for Option<T> {
    const TYPE: Type = T::TYPE;
}

/// A parameter of a query.
pub(crate) trait Parameter {
    fn typed(&self) -> (&(dyn ToSql + Sync), Type);
}

impl<T: Typed + ToSql + Sync> Parameter for T {
    fn typed(&self) -> (&(dyn ToSql + Sync), Type) {
        (self, T::TYPE)
    }
}

/// Asks in one round trip.
pub(crate) trait Ask: GenericClient + Sized {
    /// All rows.
    fn ask(&mut self, sql: &str, parameters: &[&dyn Parameter]) -> Result<Vec<Row>, Error> {
        self.query_typed(sql, &typed(parameters))
    }

    /// The one row.
    fn ask_one(&mut self, sql: &str, parameters: &[&dyn Parameter]) -> Result<Row, Error> {
        self.query_typed_one(sql, &typed(parameters))
    }

    /// The one row, or none.
    fn ask_opt(&mut self, sql: &str, parameters: &[&dyn Parameter]) -> Result<Option<Row>, Error> {
        self.query_typed_opt(sql, &typed(parameters))
    }

    /// How many rows were changed.
    fn tell(&mut self, sql: &str, parameters: &[&dyn Parameter]) -> Result<u64, Error> {
        self.execute_typed(sql, &typed(parameters))
    }

    /// All rows of what the runner's own session asks for each step, plan or table: see [`prepared`].
    fn ask_again(&mut self, sql: &str, parameters: &[&dyn Parameter]) -> Result<Vec<Row>, Error> {
        let typed = typed(parameters);
        match prepared::statement(self, sql, &types(&typed))? {
            Some(statement) => self.query(&statement, &values(&typed)),
            None => self.query_typed(sql, &typed),
        }
    }

    /// The one row of such a query.
    fn ask_one_again(&mut self, sql: &str, parameters: &[&dyn Parameter]) -> Result<Row, Error> {
        let typed = typed(parameters);
        match prepared::statement(self, sql, &types(&typed))? {
            Some(statement) => self.query_one(&statement, &values(&typed)),
            None => self.query_typed_one(sql, &typed),
        }
    }

    /// The one row of such a query, or none.
    fn ask_opt_again(&mut self, sql: &str, parameters: &[&dyn Parameter]) -> Result<Option<Row>, Error> {
        let typed = typed(parameters);
        match prepared::statement(self, sql, &types(&typed))? {
            Some(statement) => self.query_opt(&statement, &values(&typed)),
            None => self.query_typed_opt(sql, &typed),
        }
    }

    /// How many rows such a statement has changed.
    fn tell_again(&mut self, sql: &str, parameters: &[&dyn Parameter]) -> Result<u64, Error> {
        let typed = typed(parameters);
        match prepared::statement(self, sql, &types(&typed))? {
            Some(statement) => self.execute(&statement, &values(&typed)),
            None => self.execute_typed(sql, &typed),
        }
    }
}

impl<C: GenericClient> Ask for C {}

fn types(typed: &[(&(dyn ToSql + Sync), Type)]) -> Vec<Type> {
    typed.iter().map(|(_, sql)| sql.clone()).collect()
}

fn values<'a>(typed: &[(&'a (dyn ToSql + Sync), Type)]) -> Vec<&'a (dyn ToSql + Sync)> {
    typed.iter().map(|(value, _)| *value).collect()
}

fn typed<'a>(parameters: &[&'a dyn Parameter]) -> Vec<(&'a (dyn ToSql + Sync), Type)> {
    parameters.iter().map(|parameter| parameter.typed()).collect()
}
