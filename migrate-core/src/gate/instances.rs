//! Instances that may still use what a plan is about to take away.

use std::time::Duration;

use postgres::GenericClient;

use crate::ask::Ask;
use crate::begun::Begun;
use crate::database::Doing;
use crate::error::Error;
use crate::instance::NAMESPACE;
use crate::report::{Closed, InstanceReport};
use crate::state::{self, Entry, PlanRow};

/// What there is of each instance that is not off the list: how long it has been silent, whether its lease has run out, its
/// lock, and the sessions with its name.
const EVIDENCE: &str = "SELECT i.*, \
        greatest(0, extract(epoch FROM clock_timestamp() - i.beat_at))::float8 AS silent, \
        i.beat_at + i.lease < clock_timestamp() AS is_suspect, \
        EXISTS (SELECT FROM pg_catalog.pg_locks l \
                WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2 \
                  AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) \
                  AND l.classid = $1::int::oid AND l.objid::bigint = i.id & 2147483647) AS has_lock, \
        (SELECT count(*) FROM pg_catalog.pg_stat_activity a \
         WHERE a.datname = current_database() AND a.application_name = i.tag) AS sessions \
     FROM migrate.instance i WHERE i.state = 'live'";

/// Takes off the list whose end all evidence shows.
pub(super) fn bury(client: &mut impl GenericClient) -> Result<(), Error> {
    client
        .tell(
            "UPDATE migrate.instance i SET state = 'gone', ended_at = clock_timestamp() \
             WHERE i.id IN (SELECT migrate.gone('0')) AND i.state = 'live' \
               AND i.beat_at + i.lease + i.grace < clock_timestamp()",
            &[],
        )
        .doing("looking for instances that are gone")?;
    Ok(())
}

/// The instances on the list, in the order they came.
pub(crate) fn all(client: &mut impl GenericClient) -> Result<Vec<InstanceReport>, Error> {
    listed(client, "", "true")
}

/// Those that do not declare a plan to be at `contract`, but for applications that an operator knows to have nothing to do
/// with it.
fn in_the_way(client: &mut impl GenericClient, plan: &str) -> Result<Vec<InstanceReport>, Error> {
    listed(
        client,
        plan,
        "k.stage IS DISTINCT FROM 'contract' AND NOT EXISTS (SELECT FROM migrate.acknowledgement a \
             WHERE a.plan = $2 AND a.evidence = 'application:' || e.application)",
    )
}

fn listed(client: &mut impl GenericClient, plan: &str, condition: &str) -> Result<Vec<InstanceReport>, Error> {
    let sql = format!(
        "WITH evidence AS ({EVIDENCE}) \
         SELECT e.id, e.application, e.version, e.host, e.process, e.role, e.tag, e.silent, e.is_suspect, e.has_lock, \
                e.sessions, k.stage, \
                to_char(e.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), e.plans, e.stages \
         FROM evidence e \
         LEFT JOIN LATERAL (SELECT s.stage FROM ROWS FROM (unnest(e.plans), unnest(e.stages)) AS s(plan, stage) \
                            WHERE s.plan = $2) k ON true \
         WHERE {condition} ORDER BY e.id"
    );
    let rows = client.ask_again(&sql, &[&NAMESPACE, &plan]).doing("listing the live instances")?;
    Ok(rows
        .into_iter()
        .map(|row| InstanceReport {
            id: row.get(0),
            application: row.get(1),
            version: row.get(2),
            host: row.get(3),
            process: row.get::<_, i32>(4).unsigned_abs(),
            role: row.get(5),
            name: row.get(6),
            silent: Duration::from_secs_f64(row.get(7)),
            is_suspect: row.get(8),
            has_lock: row.get(9),
            sessions: row.get::<_, i64>(10).unsigned_abs(),
            stage: row.get(11),
            started_at: row.get(12),
            plans: row.get::<_, Vec<String>>(13).into_iter().zip(row.get::<_, Vec<String>>(14)).collect(),
        })
        .collect())
}

/// The gate: closed while an instance is on the list that does not declare `contract`.
pub(super) fn gate(client: &mut impl GenericClient, plan: &PlanRow) -> Result<Option<Closed>, Error> {
    let instances = in_the_way(client, &plan.name)?;
    Ok((!instances.is_empty()).then_some(Closed::Instances { instances }))
}

/// Closes a plan to builds that do not declare `contract`, unless one of them is there: from then on none can come in. Whoever
/// registers waits for this transaction, or this one for him.
pub(crate) fn close(client: &mut postgres::Client, plan: &PlanRow) -> Result<Option<Closed>, Error> {
    let mut transaction = Begun::on(client);
    let alone = format!("{}UPDATE migrate.epoch SET number = number + 1", Begun::START);
    transaction.client().batch_execute(&alone).doing("closing a plan to older builds")?;
    let instances = in_the_way(transaction.client(), &plan.name)?;
    if !instances.is_empty() {
        return Ok(Some(Closed::Instances { instances }));
    }
    transaction
        .client()
        .tell_again(
            "WITH closed AS (UPDATE migrate.plan SET closed_at = clock_timestamp() WHERE id = $1 RETURNING name) \
             INSERT INTO migrate.history (plan, event) SELECT name, 'closed to builds before contract' FROM closed",
            &[&plan.id],
        )
        .doing("closing a plan to older builds")?;
    transaction.commit().doing("closing a plan to older builds")?;
    Ok(None)
}

/// Lets them in again, while the old columns are where they were.
pub(crate) fn reopen(client: &mut postgres::Client, plan: &PlanRow) -> Result<(), Error> {
    let mut transaction = client.transaction().doing("opening a plan to older builds")?;
    let opened = transaction
        .tell(
            "UPDATE migrate.plan SET closed_at = NULL WHERE id = $1 AND closed_at IS NOT NULL AND NOT EXISTS ( \
                 SELECT FROM migrate.plan_table WHERE plan = $1 AND shape IN ('retired', 'absent'))",
            &[&plan.id],
        )
        .doing("opening a plan to older builds")?;
    if opened > 0 {
        state::record(&mut transaction, &Entry::of(&plan.name, "open to builds before contract"))?;
    }
    transaction.commit().doing("opening a plan to older builds")?;
    Ok(())
}
