//! Indexes. Numbers are rows of the hazard list.

use super::Form;

/// What to do instead.
const BUILD: &str = "outside of the plan, once the backfill is done: `CREATE INDEX CONCURRENTLY`, alone in its message and \
                     without timeouts, and look at `pg_index.indisvalid` after it";

pub(super) const FORMS: &[Form] = &[
    // H23, H24, H25, H26, H36
    Form {
        words: "create [unique] index concurrently",
        message: "a plan does not build indexes yet",
        note: "an index on the new column would make every update of the backfill dearer, so it comes after it; a build \
               that is cut short leaves an invalid index that still costs every write",
        help: BUILD,
    },
    // H20, H36
    Form {
        words: "create [unique] index",
        message: "an index that is built without `concurrently` stops all writes to its table until it is done",
        note: "PostgreSQL holds a SHARE lock while it reads and sorts the table; on a partitioned table, on all partitions",
        help: BUILD,
    },
    Form {
        words: "[add] [unique] index [*] (",
        message: "a plan does not build indexes yet",
        note: "built like this an index stops all writes to its table until it is done",
        help: BUILD,
    },
    Form {
        words: "[unique] index * on",
        message: "a plan does not build indexes yet",
        note: "built like this an index stops all writes to its table until it is done",
        help: BUILD,
    },
    // H52
    Form {
        words: "drop index concurrently [if exists] *",
        message: "a plan does not drop indexes yet",
        note: "queries may still be planned with `{0}`, and old code needs it until the last instance is gone",
        help: "outside of the plan, once the successor is valid and the plan is finished: `DROP INDEX CONCURRENTLY` alone \
               in its message",
    },
    // H21, H52
    Form {
        words: "drop index [if exists] *",
        message: "dropping `{0}` waits for every transaction on its table, and all later ones wait behind it",
        note: "without `concurrently` it takes an ACCESS EXCLUSIVE lock on the table",
        help: "outside of the plan, once the successor is valid and the plan is finished: `DROP INDEX CONCURRENTLY`",
    },
    // H22
    Form {
        words: "reindex",
        message: "`reindex` stops writes to the table, and reads that would use the index",
        note: "it locks the table against writes and the index against everything until the build is done",
        help: "outside of the plan: `REINDEX INDEX CONCURRENTLY`, alone in its message and without timeouts",
    },
    // H52
    Form {
        words: "alter index *",
        message: "a plan does not change indexes yet",
        note: "code that names `{0}`, in a hint or an error it waits for, changes with it",
        help: "outside of the plan, in a transaction of its own with a short `lock_timeout`",
    },
];
