//! Who keeps old row versions from being taken out.

use std::time::Duration;

use postgres::Client;

use crate::blocker::{Blocker, BlockerKind};
use crate::database::Doing;
use crate::error::Error;

/// The oldest transaction that may still see what was replaced after it began, and is open for at least so long. One that is
/// at no statement and has written nothing sees nothing; autovacuum is short, or looks away. One that has written counts in
/// whichever database it is, since every snapshot begins with the oldest of those. What standbys and replication slots hold
/// back is not among them, nor what this role may not see: that is known by its effect alone.
pub(super) fn holder(client: &mut Client, open_for: Duration) -> Result<Option<Blocker>, Error> {
    let row = client
        .query_opt(
            "SELECT pid, application, state, open, prepared FROM ( \
                 SELECT pid, coalesce(application_name, '') AS application, coalesce(state, 'unknown') AS state, \
                        extract(epoch FROM clock_timestamp() - xact_start)::float8 AS open, false AS prepared \
                 FROM pg_stat_activity \
                 WHERE pid <> pg_backend_pid() AND backend_type <> 'autovacuum worker' \
                   AND (backend_xid IS NOT NULL OR backend_xmin IS NOT NULL AND datname = current_database()) \
                 UNION ALL \
                 SELECT 0, gid, 'prepared', extract(epoch FROM clock_timestamp() - prepared)::float8, true \
                 FROM pg_prepared_xacts) h \
             WHERE open >= $1 ORDER BY open DESC LIMIT 1",
            &[&open_for.as_secs_f64()],
        )
        .doing("looking for old transactions")?;
    Ok(row.map(|row| Blocker {
        kind: if row.get(4) { BlockerKind::Prepared } else { BlockerKind::Session },
        pid: row.get(0),
        application: row.get(1),
        state: row.get(2),
        open_for: Duration::from_secs_f64(row.get::<_, f64>(3).max(0.0)),
    }))
}
