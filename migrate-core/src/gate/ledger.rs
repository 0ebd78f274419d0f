//! What the state itself says before the old columns of a plan are taken away, in one query.

use std::time::Duration;

use postgres::Client;

use super::functions;
use crate::acknowledge::Acknowledgements;
use crate::ask::Ask;
use crate::database::Doing;
use crate::error::Error;
use crate::migrator::Migrator;
use crate::session;
use crate::state::{PlanRow, TableRow};

/// The state's own words. What it says there is none of need not be looked for.
pub(super) struct Ledger {
    /// Until the soak is over.
    pub(super) soak_left: Option<Duration>,
    /// Plans whose new column is an old column of this one: they must be finished before it goes.
    pub(super) unfinished: Vec<String>,
    pub(super) acknowledged: Acknowledgements,
    /// Whether any instance is on the list.
    pub(super) has_instances: bool,
    /// Whether one of them is silent for so long that it may be gone.
    pub(super) has_overdue: bool,
    /// Whether there are functions with a text.
    pub(super) has_functions: bool,
    /// Whether any session is in this database that is not known to be an instance's, or will not be when those are taken
    /// off the list that are gone.
    pub(super) has_strangers: bool,
    /// Whether strangers were ever seen at the plan's tables.
    pub(super) has_sightings: bool,
    /// Whether `pg_stat_statements` is an extension of this database.
    pub(super) has_statistics: bool,
    /// Whether statements with an old column were ever seen.
    pub(super) has_statements: bool,
}

impl Ledger {
    /// Of the step that changes `table`; its soak began at the time in column `since`. Looks by the way that the session is
    /// still the one that was set up.
    pub(super) fn of(
        client: &mut Client,
        migrator: &Migrator,
        plan: &PlanRow,
        table: &TableRow,
        since: &str,
    ) -> Result<Ledger, Error> {
        // The database's clock on both ends of the soak: no two machines need to agree on the time.
        let sql = format!(
            "SELECT extract(epoch FROM {since} + pg_catalog.make_interval(secs => $2) - clock_timestamp())::float8, \
                    ARRAY (SELECT o.name FROM migrate.plan o JOIN migrate.plan_table t ON t.plan = o.id \
                           WHERE o.id <> $1 AND o.status = 'running' AND t.relation = $3 AND t.new_columns && $4), \
                    ARRAY (SELECT a.evidence FROM migrate.acknowledgement a WHERE a.plan = p.name), \
                    EXISTS (SELECT FROM migrate.instance i WHERE i.state = 'live'), \
                    EXISTS (SELECT FROM migrate.instance i \
                            WHERE i.state = 'live' AND i.beat_at + i.lease + i.grace < clock_timestamp()), \
                    {}, \
                    EXISTS (SELECT FROM pg_catalog.pg_stat_get_activity(NULL) a \
                            WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT NULL \
                              AND a.datid = (SELECT d.oid FROM pg_catalog.pg_database d \
                                             WHERE d.datname = current_database()) \
                              AND coalesce(a.application_name, '') <> ALL ($5) \
                              AND NOT EXISTS (SELECT FROM migrate.instance i WHERE i.state = 'live' \
                                              AND coalesce(a.application_name, '') = ANY (i.session_names || i.tag))), \
                    EXISTS (SELECT FROM migrate.sighting s WHERE s.plan = $1), \
                    EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE e.extname = 'pg_stat_statements'), \
                    EXISTS (SELECT FROM migrate.statement_seen s WHERE s.plan = $1), \
                    {} \
             FROM migrate.plan p WHERE p.id = $1",
            functions::are_there_any(),
            session::kept()
        );
        let (soak, ours) = (migrator.limits().soak.as_secs_f64(), &migrator.identity().session_names);
        let row = client
            .ask_one_again(&sql, &[&plan.id, &soak, &table.relation, &table.old_columns, ours])
            .doing("reading what the state says of a gate")?;
        session::require_kept_as(&row, 10)?;
        let (left, has_overdue): (Option<f64>, bool) = (row.get(0), row.get(4));
        Ok(Ledger {
            soak_left: left.filter(|left| *left > 0.0).map(Duration::from_secs_f64),
            unfinished: row.get(1),
            acknowledged: Acknowledgements::from_words(row.get(2)),
            has_instances: row.get(3),
            has_overdue,
            has_functions: row.get(5),
            has_strangers: has_overdue || row.get(6),
            has_sightings: row.get(7),
            has_statistics: row.get(8),
            has_statements: row.get(9),
        })
    }
}
