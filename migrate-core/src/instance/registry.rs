//! The list of instances in the database: coming in, renewing a lease, leaving. Each is one query, and answers where the
//! plans are.

use std::time::Duration;

use migrate_plan::{Migrations, Phase, Side, Stage};
use postgres::types::{ToSql, Type};
use postgres::{Client, Row};

use super::Instance;
use crate::ask::Ask;
use crate::connect::{HINT_COLUMNS, HINT_WIDTH, Hint};
use crate::database::{DatabaseError, Doing};
use crate::error::Error;
use crate::leader;
use crate::settings::Settings;
use crate::state::{self, Status};

/// The advisory locks of instances, one for each: the bytes of `migi`.
pub(crate) const NAMESPACE: i32 = i32::from_be_bytes(*b"migi");

/// What a build knows: its plans in their order.
#[derive(Clone, Debug)]
pub(crate) struct Knowledge {
    pub(crate) names: Vec<&'static str>,
    pub(crate) stages: Vec<Stage>,
    pub(super) declarations: Vec<&'static str>,
    goals: Vec<&'static str>,
    stage_words: Vec<&'static str>,
}

impl Knowledge {
    pub(crate) fn of(migrations: &Migrations) -> Knowledge {
        let outlines = || migrations.plans().iter().map(|plan| plan.outline());
        Knowledge {
            names: outlines().map(|outline| outline.name).collect(),
            stages: outlines().map(|outline| outline.stage).collect(),
            declarations: outlines().map(|outline| outline.declaration).collect(),
            goals: outlines().map(|outline| outline.stage.last_phase().as_str()).collect(),
            stage_words: outlines().map(|outline| outline.stage.as_str()).collect(),
        }
    }
}

/// An instance that was let in.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    pub(crate) id: i64,
    secret: String,
    /// The `application_name` that its sessions carry.
    pub(crate) tag: String,
}

/// What came of asking to be let in.
pub(crate) enum Registration {
    /// It was; and whether the connection looks like a pooler's.
    In(Registered, Beat, Hint),
    /// A plan keeps it out.
    Refused { plan: String, why: String },
    /// There is no state yet: nobody has led here.
    NoState,
}

/// What a beat answers.
#[derive(Clone, Debug)]
pub(crate) struct Beat {
    /// Whether the instance is on the list.
    pub(crate) alive: bool,
    pub(crate) seat: Seat,
    pub(crate) plans: Vec<Seen>,
}

/// The leader's seat, as an instance sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    /// Whether the role may carry steps out.
    pub(crate) may_lead: bool,
    pub(crate) is_free: bool,
    /// The backend of a leader that is not heard of any more.
    pub(crate) stale: Option<i32>,
    pub(crate) term: i64,
    /// For how long there is nothing to be done, by the last leader's word.
    pub(crate) idle_for: Duration,
    /// What ended the last pass early.
    pub(crate) trouble: Option<String>,
    /// Whether this instance did the last pass.
    pub(crate) is_last: bool,
    /// What the step that is being done waits for.
    pub(crate) waiting: Option<String>,
}

/// A plan, as an instance sees it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Its place in the build; none where the build does not know it.
    pub(crate) place: Option<usize>,
    pub(crate) name: String,
    /// None where it has not started.
    pub(crate) status: Option<Status>,
    pub(crate) side: Side,
    /// The last phase that an operator allows; `Some(None)` is none at all.
    pub(crate) held_at: Option<Option<Phase>>,
    pub(crate) is_edited: bool,
    pub(crate) reached: Option<Phase>,
    /// Whether steps are left that this build would do.
    pub(crate) is_left: bool,
    pub(crate) done: usize,
    pub(crate) beyond: usize,
    pub(crate) is_sound: bool,
    pub(crate) waits_for: Vec<String>,
    pub(crate) conflicts: u64,
    pub(crate) dependents: Vec<String>,
}

impl Seen {
    /// A plan of which the database knows nothing.
    pub(super) fn not_started(place: usize, name: &str) -> Seen {
        Seen {
            place: Some(place),
            name: name.to_owned(),
            status: None,
            side: Side::Old,
            held_at: None,
            is_edited: false,
            reached: None,
            is_left: false,
            done: 0,
            beyond: 0,
            is_sound: true,
            waits_for: Vec::new(),
            conflicts: 0,
            dependents: Vec::new(),
        }
    }

    /// Whether there is something for a leader to do, or to look at.
    pub(crate) fn has_work(&self) -> bool {
        self.place.is_some()
            && match self.status {
                None => true,
                Some(Status::Reverted) => self.held_at.is_none(),
                Some(Status::Running) => self.is_left || !self.is_sound || self.is_edited,
                Some(Status::Finished) => self.is_edited,
            }
    }

    /// Whether code at `stage` finds what it needs: both columns, or a new column that is filled.
    pub(crate) fn serves(&self, stage: Stage) -> bool {
        let needed = match stage {
            Stage::DualWrite => Phase::Expand,
            Stage::Switch | Stage::Contract => Phase::DualWrite,
        };
        // An operator has taken it back, or does so: code that asks which side to use finds the old one.
        let is_back = self.held_at.is_some() && stage == Stage::DualWrite && self.side == Side::Old;
        match self.status {
            None => false,
            Some(Status::Reverted) => is_back,
            Some(Status::Finished) => true,
            Some(Status::Running) => self.reached >= Some(needed) || is_back && self.held_at == Some(None),
        }
    }
}

/// The columns that tell where the plans are.
const PLANS: &str = "l.place, l.name, l.status, l.side, l.held_at, l.is_edited, l.reached, l.done, l.left_to_do, l.beyond, \
     l.is_sound, l.waits_for, l.conflicts, l.dependents";

/// Those that tell about the leader's seat.
const SEAT: &str = "s.may_lead, s.is_free, s.stale, s.term, s.idle_for, s.trouble, s.is_last, s.waiting";

/// Asks to be let in.
pub(crate) fn register(
    client: &mut Client,
    instance: &Instance,
    settings: &Settings,
    known: &Knowledge,
) -> Result<Registration, Error> {
    let host = host();
    let process = i32::try_from(std::process::id()).unwrap_or(0);
    let sql = format!(
        "SELECT r.instance, r.secret::text, r.tag, r.refused_by, r.why, \
                (SELECT v.version FROM migrate.state_version v), (SELECT v.compatible FROM migrate.state_version v), \
                {HINT_COLUMNS}, {SEAT}, {PLANS} \
         FROM migrate.register($1, $2, $3, $4, $5, $6, $7, $8, $9) r \
         CROSS JOIN LATERAL migrate.seat($10, r.instance) s \
         LEFT JOIN LATERAL migrate.look($6, $11, $12, true) l ON true"
    );
    let (lease, grace) = (settings.lease.as_secs_f64(), settings.grace.as_secs_f64());
    let parameters: [(&(dyn ToSql + Sync), Type); 12] = [
        (&instance.application, Type::TEXT),
        (&instance.version, Type::TEXT),
        (&host, Type::TEXT),
        (&process, Type::INT4),
        (&instance.session_names, Type::TEXT_ARRAY),
        (&known.names, Type::TEXT_ARRAY),
        (&known.stage_words, Type::TEXT_ARRAY),
        (&lease, Type::FLOAT8),
        (&grace, Type::FLOAT8),
        (&leader::KEY, Type::INT8),
        (&known.declarations, Type::TEXT_ARRAY),
        (&known.goals, Type::TEXT_ARRAY),
    ];
    let rows = match client.query_typed(&sql, &parameters) {
        Ok(rows) => rows,
        Err(error) if error.code().is_some_and(state::is_absent) => return Ok(Registration::NoState),
        Err(error) => return Err(DatabaseError::new("registering this instance", error).into()),
    };
    let Some(first) = rows.first() else { return Ok(Registration::NoState) };
    state::require_compatible(first.get(5), first.get(6))?;
    if let Some(plan) = first.get(3) {
        return Ok(Registration::Refused { plan, why: first.get(4) });
    }
    let registered = Registered { id: first.get(0), secret: first.get(1), tag: first.get(2) };
    Ok(Registration::In(registered, sight(&rows, 7 + HINT_WIDTH, true), Hint::of(first, 7)))
}

/// Where the plans are that a build knows, for whoever asks without being an instance; nothing where there is no state.
pub(crate) fn look(client: &mut Client, known: &Knowledge) -> Result<Option<Vec<Seen>>, Error> {
    let sql = format!(
        "SELECT v.version, v.compatible, {PLANS} \
                       FROM migrate.state_version v LEFT JOIN LATERAL migrate.look($1, $2, $3, true) l ON true"
    );
    let rows = match client.ask(&sql, &[&known.names, &known.declarations, &known.goals]) {
        Ok(rows) => rows,
        Err(error) if error.code().is_some_and(state::is_absent) => return Ok(None),
        Err(error) => return Err(DatabaseError::new("looking where the plans are", error).into()),
    };
    let Some(first) = rows.first() else { return Ok(None) };
    state::require_compatible(first.get(0), first.get(1))?;
    Ok(Some(all_seen(&rows, 2)))
}

/// Renews the lease of an instance, and that of its term where it leads; looks whether the plans are sound where asked to.
/// Answers also which process of the server serves the connection.
pub(crate) fn beat(
    client: &mut Client,
    registered: &Registered,
    known: &Knowledge,
    term: Option<i64>,
    soundly: bool,
) -> Result<(Beat, i32), Error> {
    let sql = format!(
        "SELECT b, pg_catalog.pg_backend_pid(), {SEAT}, {PLANS} FROM migrate.beat($1, $2::text::uuid, $3) b \
         CROSS JOIN LATERAL migrate.seat($4, $1) s \
         LEFT JOIN LATERAL migrate.look($5, $6, $7, $8) l ON true"
    );
    let rows = client
        .ask(
            &sql,
            &[
                &registered.id,
                &registered.secret,
                &term,
                &leader::KEY,
                &known.names,
                &known.declarations,
                &known.goals,
                &soundly,
            ],
        )
        .doing("renewing this instance's lease")?;
    let alive = rows.first().is_some_and(|row| row.get(0));
    let process = rows.first().map_or(0, |row| row.get(1));
    Ok((sight(&rows, 2, alive), process))
}

/// Takes an instance off the list.
pub(crate) fn leave(client: &mut Client, registered: &Registered) -> Result<(), Error> {
    // Not prepared under a name, which a pooler may not know in the next message.
    client
        .tell("SELECT migrate.leave($1, $2::pg_catalog.text::pg_catalog.uuid)", &[&registered.id, &registered.secret])
        .doing("leaving the list of instances")?;
    Ok(())
}

/// Has a session write its few rows whatever its settings say.
pub(crate) fn allow_writes(client: &mut Client) -> Result<(), Error> {
    Ok(client.batch_execute("SET default_transaction_read_only = off").doing("asking for a session that writes")?)
}

/// Ties the life of an instance to a session: its lock, its name, and word of what changes. A peer that is gone without a
/// word is noticed within half a minute.
pub(crate) fn hold_lock(client: &mut Client, registered: &Registered) -> Result<(), Error> {
    let (id, tag) = (lock_id(registered.id), registered.tag.replace('\'', "''"));
    client
        .batch_execute(&format!(
            "LISTEN migrate; \
             SELECT pg_catalog.pg_try_advisory_lock_shared({NAMESPACE}, {id}); \
             SET application_name = '{tag}'; \
             SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; \
             SET default_transaction_read_only = off; SET idle_session_timeout = 0; SET statement_timeout = 0"
        ))
        .doing("tying the instance to its session")?;
    Ok(())
}

/// The second half of an instance's advisory lock: the low bits of its number.
fn lock_id(id: i64) -> i32 {
    (id & i64::from(i32::MAX)) as i32
}

fn sight(rows: &[Row], from: usize, alive: bool) -> Beat {
    let seat = rows.first().map_or_else(Seat::unknown, |row| Seat {
        may_lead: row.get(from),
        is_free: row.get(from + 1),
        stale: row.get(from + 2),
        term: row.get(from + 3),
        idle_for: Duration::try_from_secs_f64(row.get::<_, Option<f64>>(from + 4).unwrap_or(0.0)).unwrap_or_default(),
        trouble: row.get(from + 5),
        is_last: row.get::<_, Option<bool>>(from + 6).unwrap_or(false),
        waiting: row.get(from + 7),
    });
    Beat { alive, seat, plans: all_seen(rows, from + 8) }
}

/// In the order of the build, and those that it does not know at the end.
fn all_seen(rows: &[Row], from: usize) -> Vec<Seen> {
    let mut plans: Vec<Seen> = rows.iter().filter_map(|row| seen(row, from)).collect();
    plans.sort_by_key(|plan| plan.place.unwrap_or(usize::MAX));
    plans
}

fn seen(row: &Row, from: usize) -> Option<Seen> {
    let place: Option<i64> = row.get(from);
    let name: Option<String> = row.get(from + 1);
    let (status, side): (Option<String>, Option<String>) = (row.get(from + 2), row.get(from + 3));
    let (held, reached): (Option<String>, Option<String>) = (row.get(from + 4), row.get(from + 6));
    Some(Seen {
        place: place.and_then(|place| usize::try_from(place - 1).ok()),
        name: name?,
        status: status.map(|word| Status::of(&word)),
        side: side.and_then(|word| state::side_of(&word)).unwrap_or(Side::Old),
        held_at: held.map(|word| phase(&word)),
        is_edited: row.get::<_, Option<bool>>(from + 5).unwrap_or(false),
        reached: reached.and_then(|word| phase(&word)),
        done: count(row, from + 7),
        is_left: count(row, from + 8) > 0,
        beyond: count(row, from + 9),
        is_sound: row.get::<_, Option<bool>>(from + 10).unwrap_or(true),
        waits_for: row.get::<_, Option<Vec<String>>>(from + 11).unwrap_or_default(),
        conflicts: row.get::<_, Option<i64>>(from + 12).map_or(0, i64::unsigned_abs),
        dependents: row.get::<_, Option<Vec<String>>>(from + 13).unwrap_or_default(),
    })
}

pub(super) fn phase(word: &str) -> Option<Phase> {
    Phase::ALL.into_iter().find(|phase| phase.as_str() == word)
}

fn count(row: &Row, place: usize) -> usize {
    row.get::<_, Option<i64>>(place).and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
}

impl Seat {
    fn unknown() -> Seat {
        Seat {
            may_lead: false,
            is_free: false,
            stale: None,
            term: 0,
            idle_for: Duration::ZERO,
            trouble: None,
            is_last: false,
            waiting: None,
        }
    }
}

/// What this machine calls itself.
fn host() -> String {
    hostname::get().map_or_else(|_| "unknown".to_owned(), |name| name.to_string_lossy().into_owned())
}
