//! Statements that name an old column, as `pg_stat_statements` counts them.

use postgres::{Client, GenericClient};

use super::ledger::Ledger;
use super::words::{Words, mentions};
use super::{Look, Seen};
use crate::ask::Ask;
use crate::closed::{Closed, Evidence};
use crate::database::Doing;
use crate::error::Error;
use crate::job::MARK;
use crate::migrator::Migrator;
use crate::state::{PlanRow, UnderWay};

/// What of a statement begins it: only these use a column, and a definition that does is known to the catalog, or to the
/// gate of functions. What PL/pgSQL computes for itself, in a trigger such as ours, begins with none of them.
const USES: &str = r"^([\s(]|/\*.*?\*/|--[^\n]*\n)*(select|insert|update|delete|merge|with|copy|declare|prepare|execute|do|explain|call|create\s+((global|local|temp|temporary|unlogged)\s+)*table\s.*\mas)\M";

/// The extension as it is installed: the view, quoted, and what this version of it knows.
struct Installed {
    view: String,
    /// Since when an entry is counted: from PostgreSQL 17 on.
    has_since: bool,
    /// The view that tells of resets, quoted: from PostgreSQL 14 on, where the extension was updated.
    info: Option<String>,
}

/// Begins to count: from here on a call is one after the switch.
pub(crate) fn begin(client: &mut Client, plan: &UnderWay) -> Result<(), Error> {
    let Some(installed) = installed(client)? else { return Ok(()) };
    client
        .execute("DELETE FROM migrate.statement_seen WHERE plan = $1", &[&plan.row.id])
        .doing("beginning to count statements")?;
    let look = Look::at(client, plan)?;
    count(client, &installed, &look, Which::First)
}

/// Looks which statements were made since the last look, and keeps it in mind: they count for the length of the soak.
pub(super) fn sample(client: &mut Client, look: &Look<'_>) -> Result<(), Error> {
    let Some(installed) = installed(client)? else { return Ok(()) };
    count(client, &installed, look, Which::Later)
}

/// The gate: closed where a statement that names an old column was found within the soak, or cannot be seen.
pub(super) fn gate(
    client: &mut Client,
    migrator: &Migrator,
    look: &Look<'_>,
    ledger: &Ledger,
) -> Result<Vec<Closed>, Error> {
    let installed = if ledger.has_statistics { installed(client)? } else { None };
    if let Some(installed) = &installed {
        count(client, installed, look, Which::Later)?;
    }
    let mut closed = Vec::new();
    // Those that were found while it was installed count on.
    if ledger.has_statements || installed.is_some() {
        let mut statements = remembered(client, look.plan, migrator.limits().soak.as_secs_f64())?;
        statements.retain(|evidence| !ledger.acknowledged.has(&evidence.key));
        if !statements.is_empty() {
            closed.push(Closed::Statements { statements });
        }
    }
    if let Some(installed) = &installed {
        let unseen = unseen(client, installed)?.filter(|evidence| !ledger.acknowledged.has(&evidence.key));
        closed.extend(unseen.map(|evidence| Closed::Unseen { evidence: vec![evidence] }));
    }
    Ok(closed)
}

/// The statements that were made within the soak.
fn remembered(client: &mut Client, plan: &PlanRow, soak: f64) -> Result<Vec<Evidence>, Error> {
    let rows = client
        .ask(
            "SELECT queryid, shown, since_switch, extract(epoch FROM clock_timestamp() - called_at)::float8 \
             FROM migrate.statement_seen \
             WHERE plan = $1 AND called_at + pg_catalog.make_interval(secs => $2) > clock_timestamp() ORDER BY queryid",
            &[&plan.id, &soak],
        )
        .doing("reading which statements name an old column")?;
    let mut statements = Vec::new();
    for row in rows {
        let (id, text, calls, ago): (i64, String, i64, f64) = (row.get(0), row.get(1), row.get(2), row.get(3));
        let shown = format!("{calls} calls since the switch, the last seen {ago:.0} s ago: {text}");
        statements.push(Evidence::new(format!("statement:{id}"), shown));
    }
    Ok(statements)
}

/// Which look it is at a plan's statements.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// What was counted so far was before the switch.
    First,
    /// What was not counted at the last look has come since.
    Later,
}

/// Counts the statements that name an old column of a table on which something of the plan stands.
fn count(client: &mut Client, installed: &Installed, look: &Look<'_>, which: Which) -> Result<(), Error> {
    for seen in look.standing() {
        count_of(client, installed, look.plan, seen, which)?;
    }
    Ok(())
}

/// A count that is lower than it was has begun anew, after a reset or because the entry had made room for others; so has
/// one that is as high, where the extension tells when. What it counts has come since the last look then.
fn count_of(
    client: &mut Client,
    installed: &Installed,
    plan: &PlanRow,
    seen: &Seen<'_>,
    which: Which,
) -> Result<(), Error> {
    let Seen { table, members } = seen;
    let names = Words::of(members.iter().map(|member| &*member.name));
    let columns = Words::of(table.old_columns.iter().map(String::as_str));
    let Installed { view, has_since, info } = installed;
    let since = if *has_since { "max(q.stats_since)" } else { "NULL::timestamptz" };
    let reset = info
        .as_ref()
        .map_or_else(|| "NULL::timestamptz".to_owned(), |info| format!("(SELECT r.stats_reset FROM {info} r)"));
    let (names_column, names_table) = (mentions("q.query", "$2", "$3"), mentions("q.query", "$4", "$5"));
    let sql = format!(
        "INSERT INTO migrate.statement_seen AS s (plan, queryid, shown, calls, since_switch, called_at) \
         SELECT $1, c.queryid, c.shown, c.calls, CASE WHEN $8 THEN c.calls ELSE 0 END, \
                CASE WHEN $8 THEN clock_timestamp() END \
         FROM (SELECT q.queryid, min(pg_catalog.left(pg_catalog.regexp_replace(q.query, '\\s+', ' ', 'g'), 300)) AS shown, \
                      sum(q.calls)::bigint AS calls \
               FROM {view} q \
               WHERE q.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) \
                 AND q.queryid IS NOT NULL AND {names_column} AND {names_table} \
                 AND q.query ~* $6 AND pg_catalog.strpos(q.query, $7) = 0 \
               GROUP BY q.queryid) c \
         ON CONFLICT (plan, queryid) DO NOTHING"
    );
    let grown = format!(
        "WITH counted AS ( \
             SELECT q.queryid, sum(q.calls)::bigint AS calls, greatest({since}, {reset}) AS begun \
             FROM {view} q \
             WHERE q.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) \
               AND q.queryid = ANY (SELECT k.queryid FROM migrate.statement_seen k WHERE k.plan = $1) \
             GROUP BY q.queryid) \
         UPDATE migrate.statement_seen s \
         SET since_switch = s.since_switch \
                 + CASE WHEN c.calls < s.calls OR c.begun > s.looked_at THEN c.calls ELSE c.calls - s.calls END, \
             called_at = clock_timestamp(), calls = c.calls, looked_at = clock_timestamp() \
         FROM counted c \
         WHERE s.plan = $1 AND s.queryid = c.queryid AND (c.calls <> s.calls OR c.begun > s.looked_at)"
    );
    let is_later = which == Which::Later;
    if is_later {
        client.execute(&grown, &[&plan.id]).doing("counting statements that name an old column")?;
    }
    client
        .execute(
            &sql,
            &[&plan.id, &columns.plain, &columns.patterns, &names.plain, &names.patterns, &USES, &MARK, &is_later],
        )
        .doing("counting statements that name an old column")?;
    Ok(())
}

/// Statements of other roles in this database that this role may not read.
fn unseen(client: &mut Client, installed: &Installed) -> Result<Option<Evidence>, Error> {
    let row = client
        .query_one(
            &format!(
                "SELECT count(*), pg_catalog.quote_ident(current_user::text) FROM {} q \
                 WHERE q.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) \
                   AND q.queryid IS NULL AND q.query = '<insufficient privilege>'",
                installed.view
            ),
            &[],
        )
        .doing("looking for statements that this role may not see")?;
    let (hidden, role): (i64, String) = (row.get(0), row.get(1));
    Ok((hidden > 0).then(|| {
        let shown = format!(
            "pg_stat_statements: this role may not see {hidden} statements of others; GRANT pg_read_all_stats TO {role}"
        );
        Evidence::new("rights:pg_read_all_stats", shown)
    }))
}

/// The extension, where it is installed in this database, loaded by the server and open to this role. It is found by the
/// catalog: anybody may make a view of its name.
fn installed(client: &mut impl GenericClient) -> Result<Option<Installed>, Error> {
    // Most databases have none, and the question after it costs ten times as much.
    let is_there = client
        .ask_opt("SELECT FROM pg_catalog.pg_extension WHERE extname = 'pg_stat_statements'", &[])
        .doing("looking for pg_stat_statements")?;
    if is_there.is_none() {
        return Ok(None);
    }
    let row = client
        .query_opt(
            "WITH view AS ( \
                 SELECT c.oid, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname) AS quoted \
                 FROM pg_catalog.pg_extension e \
                 JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid \
                  AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e' \
                 JOIN pg_catalog.pg_class c ON c.oid = d.objid \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE e.extname = 'pg_stat_statements' AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') \
                   AND pg_catalog.has_table_privilege(c.oid, 'SELECT')) \
             SELECT v.quoted, \
                    EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = v.oid AND a.attname = 'stats_since'), \
                    (SELECT i.quoted FROM view i WHERE i.relname = 'pg_stat_statements_info') \
             FROM view v \
             WHERE v.relname = 'pg_stat_statements' \
               AND pg_catalog.current_setting('pg_stat_statements.max', true) IS NOT NULL",
            &[],
        )
        .doing("looking for pg_stat_statements")?;
    Ok(row.map(|row| Installed { view: row.get(0), has_since: row.get(1), info: row.get(2) }))
}
