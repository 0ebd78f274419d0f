//! Whole tables, partitions and views. Numbers are rows of the hazard list.

use super::Form;

/// An `alter table` of which nothing else is known.
pub(super) const OTHER: Form = Form {
    words: "alter table [if exists] [only] *",
    message: "a plan says what changes, and no `alter table`",
    note: "which statements that takes, in what order and under which locks, follows from the plan",
    help: "write `table {0} (key: type) { old: type => new: type; }`",
};

pub(super) const FORMS: &[Form] = &[
    // H27
    Form {
        words: "vacuum full",
        message: "`vacuum full` writes the table anew under a lock that stops reads and writes",
        note: "it takes as long as the table is large, and as much disk again",
        help: "outside of the plan: use pg_repack or pg_squeeze. The backfill of a plan reuses the space it frees",
    },
    Form {
        words: "cluster",
        message: "`cluster` writes the table anew under a lock that stops reads and writes",
        note: "it takes as long as the table is large, and as much disk again",
        help: "outside of the plan: use pg_repack or pg_squeeze",
    },
    // H28
    Form {
        words: "truncate [table] [only] * … cascade",
        message: "`truncate … cascade` empties every table that references `{0}` as well",
        note: "it locks them all against reads and writes, and what it removes does not come back",
        help: "outside of the plan: delete the rows in batches, table by table",
    },
    Form {
        words: "truncate [table] [only] *",
        message: "`truncate` removes the rows of `{0}` under a lock that stops reads and writes",
        note: "a plan destroys nothing that old code may still read",
        help: "outside of the plan: delete the rows in batches, or drop a partition",
    },
    // H75
    Form {
        words: "drop table|view|materialized|type|domain|schema|sequence|function|extension|database … cascade",
        message: "`cascade` drops whatever depends on it, and nobody has listed that",
        note: "views, functions and foreign keys of other teams go with it",
        help: "outside of the plan: look up what depends on it, and drop each by its name",
    },
    Form {
        words: "drop schema|database|owned [by] [if exists] *",
        message: "a plan does not drop `{0}` and everything in it",
        note: "all that it holds goes at once, and does not come back",
        help: "outside of the plan: drop what is in it one by one, once nothing uses it",
    },
    // H44
    Form {
        words: "drop table [if exists] *",
        message: "dropping `{0}` breaks the code that still uses it, and its rows do not come back",
        note: "where foreign keys lead to other tables, those are locked against reads and writes too",
        help: "a plan does not drop tables yet: outside of it, once no release names the table, drop its foreign keys one \
               by one, and then the table",
    },
    // H45
    Form {
        words: "create [temp|temporary|unlogged] table if not exists *",
        message: "`if not exists` is content with any table called `{0}`, whatever its columns",
        note: "the code then runs against a shape that nobody has looked at",
        help: "a plan does not create tables yet: outside of it, `CREATE TABLE` without `IF NOT EXISTS`",
    },
    // H35
    Form {
        words: "create table * partition of",
        message: "a partition that is created in place locks its parent against reads and writes",
        note: "so does looking through the default partition for rows that belong into the new one",
        help: "outside of the plan: create the table by itself, give it the check of its bounds, then attach it",
    },
    Form {
        words: "create [temp|temporary|unlogged] table *",
        message: "a plan does not create tables yet",
        note: "nothing waits for a new table, so it needs no phases",
        help: "outside of the plan: create `{0}` before the release that uses it",
    },
    // H42
    Form {
        words: "rename table * to *",
        message: "renaming the table `{0}` breaks every running instance at once",
        note: "old code fails on its next statement, and no deploy replaces all instances in the same instant",
        help: "keep the name: a plan changes columns only so far, and a view under the old name breaks `COPY`, foreign \
               keys and rights",
    },
    Form {
        words: "alter schema *",
        message: "renaming the schema `{0}` breaks every running instance at once",
        note: "old code fails on its next statement, and no deploy replaces all instances in the same instant",
        help: "keep the name, or create a new schema and move its use over table by table",
    },
    // H29
    Form {
        words: "refresh materialized view",
        message: "`refresh materialized view` stops all reads of the view until it is computed",
        note: "without `concurrently` it holds an ACCESS EXCLUSIVE lock meanwhile; with it, a unique index is needed",
        help: "outside of the plan: `REFRESH MATERIALIZED VIEW CONCURRENTLY`",
    },
    // H59
    Form {
        words: "create|drop|alter [or replace] [materialized] view *",
        message: "a plan does not make or change views",
        note: "a view that stands in for a table breaks `COPY`, `TRUNCATE` and foreign keys, has rights of its own, and \
               passes by row security",
        help: "write `old: type => new: type` in the table: both columns are real, so that no view is needed",
    },
    // H30
    Form {
        words: "create|drop|alter [or replace] [constraint] trigger *",
        message: "a plan makes its own triggers and no others",
        note: "making a trigger stops writes, dropping one stops reads too, and one that fires after the sync could undo \
               what it has made equal",
        help: "leave out what copies one column into the other: the sync does that. Others: outside of the plan, by names \
               that begin with a letter",
    },
    // H01, H32, H33
    Form {
        words: "lock [table] [only] *",
        message: "a plan takes its own locks",
        note: "a lock that is waited for stops every later query on `{0}`, and one that is held stops them until commit",
        help: "leave it out: each step asks for its lock in a way that nobody queues behind, and holds it for an instant",
    },
    // H62
    Form {
        words: "create|alter|drop policy",
        message: "policies are not part of a plan",
        note: "a policy decides what each role sees, and is to be tried as that role",
        help: "outside of the plan, policies first and row security after them",
    },
    // H63
    Form {
        words: "create|alter|drop publication|subscription",
        message: "replication is not part of a plan",
        note: "logical replication carries rows and no schema: a column must be there on the subscriber first, and go there \
               last",
        help: "outside of the plan: add the new column on the subscriber, then let the plan run on the publisher",
    },
];

/// What follows `alter table name`.
pub(super) const ACTIONS: &[Form] = &[
    // H42
    Form {
        words: "rename to *",
        message: "renaming a table to `{0}` breaks every running instance at once",
        note: "old code fails on its next statement, and no deploy replaces all instances in the same instant",
        help: "keep the name: a plan changes columns only so far, and a view under the old name breaks `COPY`, foreign \
               keys and rights",
    },
    Form {
        words: "set schema *",
        message: "moving a table to the schema `{0}` breaks every running instance at once",
        note: "old code fails on its next statement, and no deploy replaces all instances in the same instant",
        help: "keep the schema: a plan changes columns only so far",
    },
    // H27
    Form {
        words: "set tablespace|logged|unlogged",
        message: "this writes the table anew under a lock that stops reads and writes",
        note: "it takes as long as the table is large, and as much disk again",
        help: "outside of the plan: use pg_repack, or create a new table and move the rows in batches",
    },
    Form {
        words: "set access method",
        message: "another access method writes the table anew under a lock that stops reads and writes",
        note: "it takes as long as the table is large, and as much disk again",
        help: "outside of the plan: create a new table with it and move the rows in batches",
    },
    // H34
    Form {
        words: "attach partition *",
        message: "attaching `{0}` reads all of it under a lock that stops reads and writes",
        note: "only a valid check that says the same as the bounds, `key is not null` included, saves the scan; the \
               default partition is read as well",
        help: "outside of the plan: add that check `NOT VALID`, validate it, attach, and drop the check",
    },
    // H35
    Form {
        words: "detach partition * concurrently|finalize",
        message: "a plan does not detach partitions",
        note: "it runs outside of any transaction, and not beside a default partition",
        help: "outside of the plan, alone in its message, before the plan starts or after it is finished",
    },
    Form {
        words: "detach partition *",
        message: "detaching `{0}` locks its parent against reads and writes",
        note: "it waits for every transaction on the parent, and all later ones wait behind it",
        help: "outside of the plan: `DETACH PARTITION … CONCURRENTLY`",
    },
    // H62
    Form {
        words: "[enable|disable|force|no] [force] row level security",
        message: "row security is not part of a plan",
        note: "switched on before there are policies, it hides every row from every role but the owner",
        help: "outside of the plan: create the policies first, switch it on, and try it as the application's role",
    },
    // H63
    Form {
        words: "replica identity",
        message: "the replica identity is not part of a plan",
        note: "without one, updates and deletes of a published table fail; to change it locks the table against reads and \
               writes",
        help: "outside of the plan, in a transaction of its own with a short `lock_timeout`",
    },
    // H30
    Form {
        words: "enable|disable [always|replica] trigger *",
        message: "switching triggers changes what writes of running code do",
        note: "rows that are written meanwhile are not seen by `{0}`, and nobody makes up for it",
        help: "leave it out: a trigger that is not to follow the backfill can look at what has changed, in its `WHEN`",
    },
    Form {
        words: "inherit|owner|of|no|cluster|reset|set [inherit|to|of|with|without] [*|(]",
        message: "this is not part of a plan",
        note: "a plan changes columns, and takes the locks that this needs and no others",
        help: "outside of the plan, in a transaction of its own with a short `lock_timeout`",
    },
];
