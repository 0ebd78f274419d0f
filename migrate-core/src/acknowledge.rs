//! An operator's word about the evidence at a gate.

use postgres::types::Type;
use postgres::{Client, GenericClient};

use crate::database::Doing;
use crate::error::Error;
use crate::state::{self, Entry};

/// What can be said about, for whoever has said something else.
const KINDS: &str = "`application:NAME`, `session:NAME` or `session:NAME@ROLE`, `statement:ID`, `function:NAME(ARGUMENTS)`, \
                     `rights:pg_read_all_stats`, `rights:track_activities`, `instance:ID`";

/// What came of an acknowledgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acknowledged {
    /// How many sessions of an instance that was said to be dead were ended.
    pub ended: u64,
    /// How many of them are left, because this role may not end them.
    pub left: u64,
}

/// The evidence of one plan that keeps its gates closed no more.
pub(crate) struct Acknowledgements(Vec<String>);

impl Acknowledgements {
    /// What operators have said of a plan.
    pub(crate) fn of(client: &mut impl GenericClient, plan: &str) -> Result<Acknowledgements, Error> {
        let rows = client
            .query_typed(
                "SELECT evidence FROM migrate.acknowledgement WHERE plan = $1 ORDER BY at, evidence",
                &[(&plan, Type::TEXT)],
            )
            .doing("reading what was acknowledged")?;
        Ok(Acknowledgements(rows.into_iter().map(|row| row.get(0)).collect()))
    }

    /// As they were read together with something else.
    pub(crate) fn from_words(words: Vec<String>) -> Acknowledgements {
        Acknowledgements(words)
    }

    pub(crate) fn has(&self, evidence: &str) -> bool {
        self.0.iter().any(|known| known == evidence)
    }

    /// Whether sessions are known by their name and role, or by their name alone.
    pub(crate) fn has_session(&self, evidence: &str) -> bool {
        self.has(evidence) || evidence.rsplit_once('@').is_some_and(|(name, _)| self.has(name))
    }

    pub(crate) fn into_words(self) -> Vec<String> {
        self.0
    }
}

/// What a word is about.
enum Evidence {
    /// Something that is kept, and keeps no gate closed.
    Kept,
    /// An instance that is dead.
    Instance(i64),
}

fn read(word: &str) -> Result<Evidence, Error> {
    let (kind, rest) = word.split_once(':').unwrap_or((word, ""));
    let is_kept = match kind {
        "session" => word.contains(':'),
        "application" | "function" => !rest.is_empty(),
        "statement" => rest.parse::<i64>().is_ok(),
        "rights" => matches!(rest, "pg_read_all_stats" | "track_activities"),
        _ => false,
    };
    match (kind, rest.parse::<i64>()) {
        _ if is_kept => Ok(Evidence::Kept),
        ("instance", Ok(id)) => Ok(Evidence::Instance(id)),
        _ => Err(refusal(word, format!("it is not a word for evidence; those are {KINDS}"))),
    }
}

fn refusal(evidence: &str, why: String) -> Error {
    Error::NotAcknowledged { evidence: evidence.to_owned(), why }
}

/// Says that something keeps the gates of a plan closed no more. Nobody needs to lead for it.
pub(crate) fn acknowledge(client: &mut Client, plan: &str, word: &str) -> Result<Acknowledged, Error> {
    let evidence = read(word)?;
    require_plan(client, plan)?;
    match evidence {
        Evidence::Kept => {
            keep(client, plan, word)?;
            Ok(Acknowledged::default())
        }
        Evidence::Instance(id) => bury(client, plan, word, id),
    }
}

/// Takes the word back.
pub(crate) fn withdraw(client: &mut Client, plan: &str, word: &str) -> Result<(), Error> {
    if let Evidence::Instance(_) = read(word)? {
        let why = "an instance that lives after all comes back by itself, where the plan still lets it in".to_owned();
        return Err(refusal(word, why));
    }
    require_plan(client, plan)?;
    let sql = "WITH gone AS (DELETE FROM migrate.acknowledgement WHERE plan = $1 AND evidence = $2 RETURNING plan) \
               INSERT INTO migrate.history (plan, event) SELECT plan, $3 FROM gone";
    let event = format!("no longer acknowledged: {word}");
    let written = client.execute(sql, &[&plan, &word, &event]).doing("withdrawing an acknowledgement")?;
    if written == 0 {
        return Err(refusal(word, format!("nobody has acknowledged it for plan `{plan}`")));
    }
    Ok(())
}

fn require_plan(client: &mut Client, plan: &str) -> Result<(), Error> {
    let is_known = state::exists(client)? && state::by_name(client, plan)?.is_some();
    if is_known { Ok(()) } else { Err(Error::NotStarted { plan: plan.to_owned() }) }
}

fn keep(client: &mut Client, plan: &str, word: &str) -> Result<(), Error> {
    let sql = "WITH kept AS (INSERT INTO migrate.acknowledgement (plan, evidence) VALUES ($1, $2) \
                             ON CONFLICT DO NOTHING RETURNING plan), \
                    told AS (INSERT INTO migrate.history (plan, event) SELECT plan, $3 FROM kept) \
               SELECT pg_catalog.pg_notify('migrate', '') FROM kept";
    client.execute(sql, &[&plan, &word, &event(word)]).doing("acknowledging")?;
    Ok(())
}

fn event(word: &str) -> String {
    format!("acknowledged: {word}")
}

/// Takes an instance for dead that has lost its lease, and ends what may be left of its sessions: should it live after all,
/// it finds its connections closed, and asks to be let in again.
fn bury(client: &mut Client, plan: &str, word: &str, id: i64) -> Result<Acknowledged, Error> {
    let mut transaction = client.transaction().doing("taking an instance for dead")?;
    let row = transaction
        .query_opt(
            "UPDATE migrate.instance SET state = 'gone', ended_at = clock_timestamp() \
             WHERE id = $1 AND state = 'live' AND beat_at + lease < clock_timestamp() RETURNING tag",
            &[&id],
        )
        .doing("taking an instance for dead")?;
    let Some(row) = row else { return Err(refusal(word, not_suspect(&mut transaction, id)?)) };
    let tag: String = row.get(0);
    state::record(&mut transaction, &Entry::of(plan, &event(word)))?;
    transaction.execute("SELECT pg_catalog.pg_notify('migrate', '')", &[]).doing("taking an instance for dead")?;
    transaction.commit().doing("taking an instance for dead")?;
    end_sessions(client, &tag)
}

/// Why an instance is not to be taken for dead.
fn not_suspect(client: &mut impl GenericClient, id: i64) -> Result<String, Error> {
    let row = client
        .query_opt(
            "SELECT state, greatest(0, extract(epoch FROM clock_timestamp() - beat_at))::float8, \
                    extract(epoch FROM lease)::float8 FROM migrate.instance WHERE id = $1",
            &[&id],
        )
        .doing("looking for an instance")?;
    let Some(row) = row else { return Ok("there is no such instance".to_owned()) };
    let (state, silent, lease): (String, f64, f64) = (row.get(0), row.get(1), row.get(2));
    Ok(match state.as_str() {
        "live" => format!(
            "it was heard of {silent:.1} s ago, and its lease of {lease:.0} s is not over: it lives; stop its process"
        ),
        _ => format!("it is off the list already ({state})"),
    })
}

/// Ends the sessions that carry the tag of an instance, but for those that this role may not end.
fn end_sessions(client: &mut Client, tag: &str) -> Result<Acknowledged, Error> {
    let row = client
        .query_one(
            "WITH session AS ( \
                 SELECT a.pid, me.rolsuper OR NOT r.rolsuper AND (pg_catalog.pg_has_role(a.usesysid, 'USAGE') \
                            OR pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')) AS is_ours \
                 FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid \
                 JOIN pg_catalog.pg_roles me ON me.rolname = current_user \
                 WHERE a.datname = current_database() AND a.application_name = $1 \
                   AND a.pid <> pg_catalog.pg_backend_pid()) \
             SELECT count(*) FILTER (WHERE CASE WHEN is_ours THEN pg_catalog.pg_terminate_backend(pid) END), \
                    count(*) FILTER (WHERE NOT is_ours) FROM session",
            &[&tag],
        )
        .doing("ending the sessions of a dead instance")?;
    let [ended, left] = [0, 1].map(|place| row.get::<_, i64>(place).unsigned_abs());
    Ok(Acknowledged { ended, left })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_a_known_kind_are_taken() {
        for word in [
            "application:cron",
            "session:",
            "session:psql@anna",
            "session:a@b@c",
            "statement:-7",
            "function:public.f(text)",
            "rights:pg_read_all_stats",
            "instance:12",
        ] {
            assert!(read(word).is_ok(), "{word}");
        }
        for word in
            ["", "psql", "session", "application:", "statement:x", "function:", "rights:root", "instance:x", "view:v"]
        {
            let error = read(word).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains("`statement:ID`"), "{word}: {error}");
        }
    }

    #[test]
    fn a_name_is_acknowledged_for_all_its_roles() {
        let known = Acknowledgements(vec!["session:a@b".to_owned(), "session:".to_owned()]);
        assert!(
            known.has_session("session:a@b@anna")
                && known.has_session("session:a@b")
                && known.has_session("session:@x")
        );
        assert!(!known.has_session("session:a@c"));
    }
}
