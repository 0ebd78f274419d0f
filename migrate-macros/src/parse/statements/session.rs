//! Transactions, settings, rows and code. Numbers are rows of the hazard list.

use super::Form;

/// Why hand-written SQL is refused.
const CANNOT_BE_READ: &str = "which locks it takes and which rows it touches cannot be read from it";

pub(super) const FORMS: &[Form] = &[
    // H69
    Form {
        words: "begin|commit|rollback|savepoint|end|abort|start|release [transaction|work]",
        message: "transactions are not part of a plan",
        note: "each step is one transaction with its journal entry; a `commit` in between would part them",
        help: "leave it out: what has to happen together is one step",
    },
    // H01, H70, H73
    Form {
        words: "set [local|session] lock_timeout|statement_timeout|deadlock_timeout|transaction_timeout|\
                idle_in_transaction_session_timeout",
        message: "timeouts are not part of a plan",
        note: "a step with a short lock needs one, a validation must have none, and a wrong one is an outage",
        help: "leave it out: each step sets its own. How long others may be held up is `Settings::stall_budget`",
    },
    // H65
    Form {
        words: "set [local|session] search_path",
        message: "a plan does not depend on `search_path`",
        note: "another session with another path would change another table",
        help: "write the schema in the name: `table app.orders { … }`",
    },
    // H72
    Form {
        words: "set local|session|role|time|transaction|constraints",
        message: "settings of a session are not part of a plan",
        note: "through a pooler they reach other clients, and outside of a transaction `set local` does nothing",
        help: "leave it out: the runner sets what its steps need, and gives the session back as it was",
    },
    // H67
    Form {
        words: "do|execute|call|perform|sql|raw",
        message: "hand-written SQL cannot stand in a plan",
        note: CANNOT_BE_READ,
        help: "write the change: `table name (key: type) { old: type => new: type { up …; down …; } }`",
    },
    // H53, H54
    Form {
        words: "update *",
        message: "one `update` of a whole table holds its row locks until the last row is written",
        note: "writers wait, replicas fall behind and dead rows pile up; run before the sync is in place, it also misses \
               what is written meanwhile",
        help: "write what the value is made of, `old: type => new: type { up …; down …; }`: the plan fills it in batches \
               of about 50 ms, behind triggers",
    },
    Form {
        words: "delete [from] *",
        message: "a plan deletes no rows",
        note: "one `delete` holds its row locks until the last row is gone, and old code may still read them",
        help: "outside of the plan: delete in batches, once no release reads the rows",
    },
    // H79
    Form {
        words: "insert|merge|copy [into] *",
        message: "a plan writes no rows of its own",
        note: "rows that come with a release are data, and an `insert` without a list of columns breaks with the first new \
               column",
        help: "outside of the plan, with a list of columns",
    },
    // H25
    Form {
        words: "select … pg_advisory_lock|pg_advisory_xact_lock|pg_try_advisory_lock",
        message: "a plan takes its own locks",
        note: "a session that waits for an advisory lock holds a snapshot, and a concurrent index build waits for that: a \
               deadlock",
        help: "leave it out: one runner works at a time, and the others ask again instead of waiting",
    },
    Form {
        words: "select|with|values",
        message: "a query cannot stand in a plan",
        note: "a conversion runs inside the write of its row, and may depend on that row alone",
        help: "write `up` as an expression over the row: `old: type => new: type { up …; down …; }`",
    },
    // H68
    Form {
        words: "if not exists",
        message: "a plan needs no `if not exists`",
        note: "it would be content with an object of another shape; each step is journaled and looked for in the catalog",
        help: "leave it out: a plan can be stopped at any instant and run again",
    },
];
