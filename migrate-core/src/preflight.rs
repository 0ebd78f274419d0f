//! Is the live database what the plan declares? Everything that is not is reported at once, before the
//! first step, and nothing has happened then.

mod columns;
mod expressions;
mod finished;
mod functions;
mod hazards;

pub(crate) use finished::finished;
use migrate_plan::Plan;
use migrate_plan::ident::{Qualified, UPDATE_TRIGGER};
use migrate_plan::plan::Table;
use postgres::{Client, Row};

use crate::ask::Ask;
use crate::catalog;
use crate::database::Doing;
use crate::error::{Error, Problem};

/// Checks a plan against the live database; answers the OIDs of its tables.
pub(crate) fn check(client: &mut Client, plan: &Plan) -> Result<Vec<u32>, Error> {
    let mut problems = Vec::new();
    let mut relations = Vec::new();
    reachable(client, &mut problems)?;
    functions::check(client, &plan.functions, &mut problems)?;
    let functions_are_sound = problems.is_empty();
    for table in plan.tables.iter() {
        let Some(relation) = usable(client, table, &mut problems)? else { continue };
        let before = problems.len();
        columns::check(client, &plan.name, table, relation.oid, &mut problems)?;
        if relation.is_planned {
            columns::other_plans(client, table, relation.oid, &mut problems)?;
        }
        hazards::check(client, table, &relation, &mut problems)?;
        if relation.may_have_triggers {
            triggers(client, table, &mut problems)?;
        }
        if relation.may_hide_rows {
            hidden_rows(client, table, relation.oid, &mut problems)?;
        }
        // An expression over a column or with a function that is not there has nothing new to say.
        if problems.len() == before && functions_are_sound {
            expressions::check(client, table, &relation, &mut problems)?;
        }
        relations.push(relation.oid);
    }
    if problems.is_empty() {
        return Ok(relations);
    }
    Err(Error::Preflight { plan: plan.name.to_string(), problems })
}

/// A table that is to be changed. What there cannot be of it need not be looked for: most tables are plain ones, and a look at
/// the catalog is mostly the planning of its query.
struct Relation {
    oid: u32,
    /// It has partitions or children, or had some: of them nothing is known here.
    has_children: bool,
    is_partitioned: bool,
    has_parents: bool,
    /// It was made from a type.
    is_typed: bool,
    /// A new type of the plan has more to it than its values: a domain, or one with a default.
    has_odd_types: bool,
    may_have_rules: bool,
    may_have_triggers: bool,
    may_hide_rows: bool,
    /// Somebody but its owner has rights on it, or on a column.
    is_granted: bool,
    /// A plan in flight changes it.
    is_planned: bool,
}

impl Relation {
    /// From the columns of [`FACTS`].
    fn of(row: &Row) -> Relation {
        let has_children: bool = row.get("has_children");
        let or_children = |name: &str| has_children || row.get::<_, bool>(name);
        Relation {
            oid: row.get("oid"),
            has_children,
            is_partitioned: row.get("is_partitioned"),
            has_parents: row.get("has_parents"),
            is_typed: row.get("is_typed"),
            has_odd_types: row.get("has_odd_types"),
            may_have_rules: or_children("has_rules"),
            may_have_triggers: or_children("has_triggers"),
            may_hide_rows: or_children("has_forced_policies"),
            is_granted: row.get("is_granted"),
            is_planned: row.get("is_planned"),
        }
    }
}

/// What is asked about the table `$1` at once; `$2` are the new types of the plan. PostgreSQL keeps some of it as flags that
/// are true a while longer than they need to be.
const FACTS: &str = "\
    SELECT c.oid, c.relkind::text AS kind, c.relpersistence::text AS persistence, c.relispartition AS is_partition, \
           pg_catalog.pg_has_role(c.relowner, 'USAGE') AS is_ours, \
           pg_catalog.pg_get_userbyid(c.relowner)::text AS owner, current_user::text AS role, \
           c.relnamespace::pg_catalog.regnamespace::text IN ('pg_catalog', 'information_schema', 'pg_toast') AS is_systems, \
           c.relhassubclass AS has_children, c.relkind = 'p' AS is_partitioned, \
           EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid) AS has_parents, \
           c.reloftype <> 0 AS is_typed, \
           EXISTS (SELECT FROM pg_catalog.unnest($2) AS new(name) \
                   JOIN pg_catalog.pg_type t ON t.oid = pg_catalog.to_regtype(new.name) \
                   WHERE t.typtype = 'd' OR t.typdefault IS NOT NULL) AS has_odd_types, \
           c.relhasrules AS has_rules, c.relhastriggers AS has_triggers, \
           c.relrowsecurity AND c.relforcerowsecurity AS has_forced_policies, \
           c.relacl IS NOT NULL OR EXISTS (SELECT FROM pg_catalog.pg_attribute a \
                                           WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL) AS is_granted, \
           EXISTS (SELECT FROM migrate.plan_table t JOIN migrate.plan p ON p.id = t.plan \
                   WHERE t.relation = c.oid AND p.status = 'running') AS is_planned \
    FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass($1)";

/// The table is there, is one that can be changed, and this role may.
fn usable(client: &mut Client, table: &Table, problems: &mut Vec<Problem>) -> Result<Option<Relation>, Error> {
    let name = table.qualified().to_string();
    let shown = format!("table {}.{}", table.schema, table.name);
    let types: Vec<&str> = table.lenses.iter().map(|lens| &*lens.new.base).collect();
    let row = client.ask_opt_again(FACTS, &[&name, &types]).doing("looking for a table")?;
    let Some(row) = row else {
        problems.push(missing_table(client, table)?);
        return Ok(None);
    };
    let (kind, persistence): (String, String) = (row.get("kind"), row.get("persistence"));
    if !matches!(kind.as_str(), "r" | "p") {
        let kind = match kind.as_str() {
            "v" => "a view",
            "m" => "a materialized view",
            "f" => "a foreign table",
            _ => "no table",
        };
        problems.push(Problem::new(shown, format!("is {kind}"), "name the table with the rows"));
        return Ok(None);
    }
    if row.get("is_systems") {
        problems.push(Problem::new(shown, "belongs to PostgreSQL itself", "name a table of your own"));
        return Ok(None);
    }
    if persistence == "t" {
        problems.push(Problem::new(shown, "is temporary", "only permanent tables have other sessions"));
        return Ok(None);
    }
    if row.get("is_partition") {
        problems.push(Problem::new(
            shown,
            "is a partition",
            "name the partitioned table: all partitions change together",
        ));
        return Ok(None);
    }
    if !row.get::<_, bool>("is_ours") {
        let (owner, role): (String, String) = (row.get("owner"), row.get("role"));
        problems.push(Problem::new(
            shown,
            format!("belongs to role \"{owner}\", and \"{role}\" may not alter it"),
            format!("run the migrations as its owner, or GRANT \"{owner}\" TO \"{role}\""),
        ));
        return Ok(None);
    }
    let relation = Relation::of(&row);
    if relation.has_children {
        foreign_parts(client, &shown, relation.oid, problems)?;
    }
    Ok(Some(relation))
}

fn foreign_parts(client: &mut Client, shown: &str, relation: u32, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let foreign = client
        .ask(
            "WITH RECURSIVE member(oid) AS (SELECT $1::oid \
                 UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN member m ON m.oid = i.inhparent) \
             SELECT c.oid::regclass::text FROM member m JOIN pg_catalog.pg_class c ON c.oid = m.oid \
             WHERE c.relkind = 'f' ORDER BY 1",
            &[&relation],
        )
        .doing("listing a table's partitions")?;
    for part in foreign {
        problems.push(Problem::new(
            format!("{} of {shown}", part.get::<_, String>(0)),
            "is a foreign table",
            "its rows are out of reach of triggers here: detach it first",
        ));
    }
    Ok(())
}

fn missing_table(client: &mut Client, table: &Table) -> Result<Problem, Error> {
    let rows = client
        .ask(
            "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate') \
             ORDER BY 1, 2",
            &[],
        )
        .doing("looking for a table")?;
    let names: Vec<(String, String)> = rows.into_iter().map(|row| (row.get(0), row.get(1))).collect();
    let elsewhere: Vec<String> = names
        .iter()
        .filter(|(_, name)| *name == *table.name)
        .map(|(schema, name)| format!("{schema}.{name}"))
        .collect();
    let remedy = if elsewhere.is_empty() {
        let here = names.iter().filter(|(schema, _)| *schema == *table.schema).map(|(_, name)| name.as_str());
        match migrate_plan::check::nearest(&table.name, here) {
            Some(near) => format!("did you mean {}.{near}?", table.schema),
            None => "create it first, or mend its name in the plan".to_owned(),
        }
    } else {
        format!("there is {}: write its schema in the plan", elsewhere.join(", "))
    };
    Ok(Problem::new(
        format!("table {}.{}", table.schema, table.name),
        "does not exist, or this role cannot see it",
        remedy,
    ))
}

/// Policies must not hide rows from the jobs: they would be neither filled nor compared.
fn hidden_rows(client: &mut Client, table: &Table, relation: u32, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let rows = client
        .ask(
            "WITH RECURSIVE member(oid) AS (SELECT $1::oid \
                 UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN member m ON m.oid = i.inhparent) \
             SELECT n.nspname || '.' || c.relname, current_user::text FROM member m \
             JOIN pg_catalog.pg_class c ON c.oid = m.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relrowsecurity AND c.relforcerowsecurity \
               AND NOT (SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user) \
             ORDER BY 1",
            &[&relation],
        )
        .doing("looking for row security")?;
    for row in rows {
        let (member, role): (String, String) = (row.get(0), row.get(1));
        let shown = format!("{}.{}", table.schema, table.name);
        let object = if member == shown { format!("table {shown}") } else { format!("{member} of table {shown}") };
        problems.push(Problem::new(
            object,
            format!("has forced row security, and row security hides rows from role \"{role}\""),
            format!("ALTER ROLE \"{role}\" BYPASSRLS, or run the migrations as a role that has it"),
        ));
    }
    Ok(())
}

/// Whoever writes the table must reach the functions of the sync.
fn reachable(client: &mut Client, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let row = client
        .ask_one("SELECT pg_catalog.has_schema_privilege('public', 'migrate', 'USAGE')", &[])
        .doing("asking for rights")?;
    if !row.get::<_, bool>(0) {
        problems.push(Problem::new(
            "schema \"migrate\"",
            "is closed to the roles of the applications, whose writes go through its functions",
            "GRANT USAGE ON SCHEMA \"migrate\" TO PUBLIC",
        ));
    }
    Ok(())
}

/// Nobody's trigger may change a row after the sync has seen it.
fn triggers(client: &mut Client, table: &Table, problems: &mut Vec<Problem>) -> Result<(), Error> {
    let name = Qualified { schema: &table.schema, name: &table.name }.to_string();
    let members = catalog::members(client, &name)?;
    for (on, trigger) in catalog::triggers_after(client, &members, UPDATE_TRIGGER)? {
        problems.push(Problem::new(
            format!("trigger \"{trigger}\" on {on}"),
            "sorts after the sync triggers, and could change a row that they have made equal",
            "rename it: names that start with an ASCII letter sort before",
        ));
    }
    Ok(())
}
