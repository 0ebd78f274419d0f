//! Sessions of nobody on the list of instances that use a plan's tables.

use postgres::{Client, Row};

use super::Look;
use super::ledger::Ledger;
use super::words::{Words, mentions};
use crate::ask::Ask;
use crate::closed::{Closed, Evidence};
use crate::database::Doing;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::state::PlanRow;

/// Sessions with one name and role that belong to no live instance.
struct Strangers {
    application: String,
    role: String,
    count: i64,
    /// Of those that use a table: how long ago the last of them did. None where none does.
    used_ago: Option<f64>,
    has_lock: bool,
    /// The name is that of an instance that is not live any more.
    is_left_over: bool,
    /// Those whose statements this role may not see.
    hidden: i64,
    /// Those that do not tell their statements to anybody.
    untold: i64,
    /// The role that looked, as a statement names it.
    seen_by: String,
}

/// Looks which strangers use a plan's tables now, and keeps it in mind: they count for the length of the soak.
pub(super) fn sample(client: &mut Client, migrator: &Migrator, look: &Look<'_>) -> Result<(), Error> {
    strangers(client, migrator, look).map(drop)
}

/// The gate: closed while a stranger uses the tables, or did within the soak, or may without our seeing it.
pub(super) fn gate(
    client: &mut Client,
    migrator: &Migrator,
    look: &Look<'_>,
    ledger: &Ledger,
) -> Result<Vec<Closed>, Error> {
    let known = &ledger.acknowledged;
    let here = if ledger.has_strangers { strangers(client, migrator, look)? } else { Vec::new() };
    let mut sessions: Vec<Evidence> = here.iter().filter_map(Strangers::at_work).collect();
    let soak = migrator.limits().soak.as_secs_f64();
    // Who was seen for the first time just now is among them already.
    let remembered = if ledger.has_sightings { remembered(client, look.plan, soak)? } else { Vec::new() };
    for (application, role, ago) in remembered {
        let key = key(&application, &role);
        if !sessions.iter().any(|evidence| evidence.key == key) {
            let shown = format!(
                "{} as {role}: gone, and used a table {ago:.0} s ago; it counts for {:.0} s more",
                shown(&application),
                (soak - ago).ceil()
            );
            sessions.push(Evidence::new(key, shown));
        }
    }
    sessions.retain(|evidence| !known.has_session(&evidence.key));
    let mut unseen: Vec<Evidence> = Vec::new();
    for stranger in here.iter().filter(|stranger| !known.has_session(&stranger.key())) {
        unseen.extend(stranger.unseen());
    }
    unseen.retain(|evidence| !known.has(&evidence.key));
    let mut closed = Vec::new();
    if !sessions.is_empty() {
        closed.push(Closed::Sessions { sessions });
    }
    if !unseen.is_empty() {
        closed.push(Closed::Unseen { evidence: unseen });
    }
    Ok(closed)
}

impl Strangers {
    fn of(row: &Row) -> Strangers {
        Strangers {
            application: row.get(0),
            role: row.get(1),
            count: row.get(2),
            used_ago: row.get(3),
            has_lock: row.get(4),
            is_left_over: row.get(5),
            hidden: row.get(6),
            untold: row.get(7),
            seen_by: row.get(8),
        }
    }

    fn key(&self) -> String {
        key(&self.application, &self.role)
    }

    fn at_work(&self) -> Option<Evidence> {
        let ago = self.used_ago?;
        let what = match (self.has_lock, ago >= 1.0) {
            (true, _) => "holds a table".to_owned(),
            (false, true) => format!("its last statement, {ago:.0} s ago, names a table"),
            (false, false) => "its statement names a table".to_owned(),
        };
        let left_over = if self.is_left_over { "; the instance of that name is not live any more" } else { "" };
        let shown =
            format!("{} as {}: {what}{left_over} (sessions: {})", shown(&self.application), self.role, self.count);
        Some(Evidence::new(self.key(), shown))
    }

    /// Sessions that hold a table are known to use it, whatever they say.
    fn unseen(&self) -> Vec<Evidence> {
        let who = format!("{} as {}", shown(&self.application), self.role);
        let mut evidence = Vec::new();
        if self.hidden > 0 {
            let shown = format!(
                "{who}: this role may not see the statements of {} sessions; GRANT pg_read_all_stats TO {}",
                self.hidden, self.seen_by
            );
            evidence.push(Evidence::new("rights:pg_read_all_stats", shown));
        }
        if self.untold > 0 {
            let shown = format!(
                "{who}: {} sessions tell nobody their statements; set `track_activities` to `on` for it",
                self.untold
            );
            evidence.push(Evidence::new("rights:track_activities", shown));
        }
        evidence
    }
}

fn key(application: &str, role: &str) -> String {
    format!("session:{application}@{role}")
}

fn shown(application: &str) -> &str {
    if application.is_empty() { "(no application_name)" } else { application }
}

fn strangers(client: &mut Client, migrator: &Migrator, look: &Look<'_>) -> Result<Vec<Strangers>, Error> {
    let members = || look.tables.iter().flat_map(|seen| &seen.members);
    let relations: Vec<u32> = members().map(|member| member.relation).collect();
    let words = Words::of(members().map(|member| &*member.name));
    let names = mentions("s.query", "$3", "$4");
    // Strangers are few, and only their texts are read. An application_name is for everybody to see; the rest of a
    // session is for its role, and those that may see all. A name that an instance had is not kept in mind: its sessions
    // count while they are there, and must not hold up the roll-out that ends them.
    let sql = format!(
        "WITH ours(name) AS ( \
             SELECT unnest($2::text[]) \
             UNION SELECT i.tag FROM migrate.instance i WHERE i.state = 'live' \
             UNION SELECT unnest(i.session_names) FROM migrate.instance i WHERE i.state = 'live') \
         , stranger AS MATERIALIZED ( \
             SELECT a.pid, coalesce(a.application_name, '') AS application, coalesce(a.usename::text, '?') AS role, a.query, \
                    a.state, a.state_change, a.backend_type IS NULL AS is_hidden, a.state = 'disabled' AS is_untold, \
                    EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.locktype = 'relation' \
                              AND l.database = a.datid AND l.relation = ANY ($5)) AS has_lock \
             FROM pg_catalog.pg_stat_activity a \
             WHERE a.datname = current_database() AND a.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT NULL \
               AND (a.backend_type = 'client backend' OR a.backend_type IS NULL) \
               AND coalesce(a.application_name, '') NOT IN (SELECT name FROM ours)) \
         , seen AS ( \
             SELECT s.*, EXISTS (SELECT FROM migrate.instance i WHERE i.tag = s.application) AS is_left_over, \
                    CASE WHEN s.has_lock THEN clock_timestamp() \
                         WHEN NOT s.is_hidden AND {names} \
                         THEN CASE s.state WHEN 'idle' THEN s.state_change ELSE clock_timestamp() END END AS used_at \
             FROM stranger s) \
         , kept AS ( \
             INSERT INTO migrate.sighting AS k (plan, application, role, used_at) \
             SELECT $1, application, role, max(used_at) FROM seen \
             WHERE used_at IS NOT NULL AND NOT is_left_over GROUP BY application, role \
             ON CONFLICT (plan, application, role) DO UPDATE SET used_at = greatest(k.used_at, excluded.used_at)) \
         SELECT application, role, count(*), \
                extract(epoch FROM clock_timestamp() - max(used_at))::float8, bool_or(has_lock), \
                bool_or(is_left_over), count(*) FILTER (WHERE is_hidden AND NOT has_lock), \
                count(*) FILTER (WHERE is_untold AND NOT has_lock), pg_catalog.quote_ident(current_user::text) \
         FROM seen GROUP BY application, role ORDER BY application, role"
    );
    let ours = &migrator.identity().session_names;
    let rows = client
        .ask(&sql, &[&look.plan.id, ours, &words.plain, &words.patterns, &relations])
        .doing("looking for sessions that use the plan's tables")?;
    Ok(rows.iter().map(Strangers::of).collect())
}

/// Who used the tables within the soak: name, role, and seconds ago.
fn remembered(client: &mut Client, plan: &PlanRow, soak: f64) -> Result<Vec<(String, String, f64)>, Error> {
    let rows = client
        .ask(
            "SELECT application, role, greatest(0, extract(epoch FROM clock_timestamp() - used_at))::float8 \
             FROM migrate.sighting \
             WHERE plan = $1 AND used_at + pg_catalog.make_interval(secs => $2) > clock_timestamp() \
             ORDER BY application, role",
            &[&plan.id, &soak],
        )
        .doing("reading who has used the plan's tables")?;
    Ok(rows.into_iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}
