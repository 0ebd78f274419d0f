//! Types, nulls and volatility of random expressions, against the server's.

use std::collections::HashMap;

use fastrand::Rng;
use migrate::testing::{ScratchDatabase, ScratchServer};
use migrate_plan::expr::{self, Expr, Scope, Typing};
use postgres::Client;
use postgres::error::SqlState;

use crate::generate::{self, Column};
use crate::rows;

/// What was counted.
#[derive(Debug, Default)]
struct Counts {
    expressions: usize,
    accepted: usize,
    /// Accepted, and the type was left open.
    open: usize,
    /// Refused by the server, and not by the inference: some constants, and what newer versions have.
    missed: usize,
    unknown_to_version: usize,
    /// Evaluated on at least one row.
    evaluated: usize,
    nulls: usize,
    /// Of those that may be null some were.
    nullable: usize,
    indexed: usize,
    mutable: usize,
    /// Refused as impure, and the server calls them immutable.
    strict: usize,
}

struct World {
    _database: ScratchDatabase,
    client: Client,
    columns: Vec<Column>,
    types: HashMap<u32, String>,
    /// Whether the server has all that the newest version has.
    newest: bool,
    counts: Counts,
    failures: Vec<String>,
}

impl World {
    fn new(seed: u64) -> World {
        let server = ScratchServer::shared().expect("a PostgreSQL server");
        let database = server.database().expect("a fresh database");
        let mut client = database.connect().expect("a connection");
        client.batch_execute("SET statement_timeout = '2s'").expect("a timeout");
        let columns = generate::columns();
        rows::create(&mut client, &columns, &mut Rng::with_seed(seed));
        client.batch_execute("CREATE TABLE public.empty (LIKE public.sample)").expect("a table without rows");
        let types = client
            .query("SELECT oid, pg_catalog.format_type(oid, NULL) FROM pg_catalog.pg_type", &[])
            .expect("the types")
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .collect();
        let newest = server.version_num() >= 180_000;
        World { _database: database, client, columns, types, newest, counts: Counts::default(), failures: Vec::new() }
    }

    /// The type of an expression, or why it is refused.
    fn type_on_server(&mut self, sql: &str) -> Result<String, SqlState> {
        match self.client.prepare(&format!("SELECT ({sql}) FROM public.sample")) {
            Ok(statement) => {
                let oid = statement.columns()[0].type_().oid();
                Ok(self.types.get(&oid).cloned().unwrap_or_else(|| format!("type {oid}")))
            }
            Err(error) => Err(error.code().cloned().unwrap_or_else(|| panic!("{sql}: {error}"))),
        }
    }

    fn fail(&mut self, sql: &str, what: String) {
        self.failures.push(format!("{sql}\n    {what}"));
    }

    fn check(&mut self, expr: &Expr<()>, with_index: bool) {
        let sql = expr.to_string();
        let columns = self.columns.clone();
        let column = |name: &str| columns.iter().find(|column| column.name == name);
        let of_column = |name: &str| column(name).map(|column| column.ty.clone());
        let mut errors = Vec::new();
        let typing = Typing::of(expr, Scope { columns: &of_column, functions: &[] }, &mut errors);
        self.counts.expressions += 1;
        let live = match (self.type_on_server(&sql), errors.first()) {
            (Ok(_), Some(error)) => return self.fail(&sql, format!("refused without need: {}", error.message)),
            (Err(_), Some(_)) => return,
            // The values of constants are not all read.
            (Err(code), None) => {
                self.counts.missed += 1;
                let undefined = matches!(code, SqlState::UNDEFINED_FUNCTION | SqlState::CANNOT_COERCE);
                self.counts.unknown_to_version += usize::from(undefined);
                if undefined && self.newest
                    || code == SqlState::DATATYPE_MISMATCH
                    || code == SqlState::AMBIGUOUS_FUNCTION
                {
                    self.fail(&sql, format!("refused by the server alone: {code:?}"));
                }
                return;
            }
            (Ok(live), None) => live,
        };
        self.counts.accepted += 1;
        match typing.ty(expr) {
            None if matches!(expr.kind, expr::Kind::Null | expr::Kind::Text(_)) => {}
            None => self.counts.open += 1,
            Some(ty) => {
                let plain = migrate_plan::types::Type { modifiers: Vec::new(), fields: None, ..ty };
                if plain.to_string() != live {
                    self.fail(&sql, format!("inferred {plain}, and it is {live}"));
                }
            }
        }
        self.nulls(expr, &sql, &typing);
        if with_index {
            self.volatility(expr, &sql, &typing);
        }
    }

    /// Where the expression is shown not to be null, no row makes it so.
    fn nulls(&mut self, expr: &Expr<()>, sql: &str, typing: &Typing) {
        let columns = self.columns.clone();
        let not_null = |name: &str| columns.iter().any(|column| column.name == name && column.not_null);
        let shown = expr::nullable(expr, typing, &not_null).is_none();
        let whole = format!("SELECT bool_or(({sql}) IS NULL), 1 FROM public.sample");
        let null = match self.client.query_one(&whole, &[]) {
            Ok(row) => Some(row.get::<_, bool>(0)),
            Err(_) if !shown => None,
            // Some rows fail: the others still count.
            Err(_) => (0..rows::ROWS)
                .filter_map(|id| {
                    let one = format!("SELECT ({sql}) IS NULL FROM public.sample WHERE \"~id\" = {id}");
                    self.client.query_one(&one, &[]).ok().map(|row| row.get::<_, bool>(0))
                })
                .reduce(|a, b| a || b),
        };
        let Some(null) = null else { return };
        self.counts.evaluated += 1;
        self.counts.nulls += usize::from(null);
        self.counts.nullable += usize::from(!shown);
        if null && shown {
            self.fail(sql, "is null, and was shown not to be".to_owned());
        }
    }

    /// What was shown to be pure is immutable for the server.
    fn volatility(&mut self, expr: &Expr<()>, sql: &str, typing: &Typing) {
        let pure = expr::impurities(expr, typing).is_empty();
        let mut transaction = self.client.transaction().expect("a transaction");
        let outcome = transaction.batch_execute(&format!("CREATE INDEX ON public.empty (((({sql})) IS NULL))"));
        transaction.rollback().expect("a rollback");
        self.counts.indexed += 1;
        match outcome {
            Err(error) if error.code() == Some(&SqlState::INVALID_OBJECT_DEFINITION) => {
                self.counts.mutable += 1;
                if pure {
                    self.fail(sql, "is not immutable, and was called pure".to_owned());
                }
            }
            // A constant part that fails is computed by the planner.
            Err(_) => {}
            Ok(()) => self.counts.strict += usize::from(!pure),
        }
    }

    fn report(self) {
        println!("{:#?}", self.counts);
        let shown: Vec<&String> = self.failures.iter().take(40).collect();
        assert!(
            shown.is_empty(),
            "{} failures\n{}",
            self.failures.len(),
            shown.iter().map(|text| format!("{text}\n")).collect::<String>()
        );
        let unknown = self.counts.unknown_to_version;
        assert!(unknown * 100 <= self.counts.expressions, "{unknown} were refused by the server alone");
        let open = self.counts.open as f64 / self.counts.accepted.max(1) as f64;
        assert!(open <= 0.01, "the type of {open:.3} of all expressions was left open");
    }
}

fn seed() -> u64 {
    std::env::var("MIGRATE_TEST_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_260_101)
}

#[test]
fn types_nulls_and_volatility_are_those_of_the_server() {
    let mut world = World::new(seed());
    let mut rng = Rng::with_seed(seed());
    let columns = world.columns.clone();
    for number in 0..1_500 * crate::scale() {
        let expr = generate::expression(&mut rng, None, &columns);
        world.check(&expr, number % 4 == 0);
    }
    assert!(world.counts.accepted * 2 > world.counts.expressions, "{:?}", world.counts);
    world.report();
}

#[test]
fn what_is_refused_is_refused_by_the_server() {
    let mut world = World::new(seed());
    let mut rng = Rng::with_seed(seed() + 1);
    let columns = world.columns.clone();
    for _ in 0..1_000 * crate::scale() {
        let expr = generate::wild(&mut rng, &columns);
        world.check(&expr, false);
    }
    world.report();
}
