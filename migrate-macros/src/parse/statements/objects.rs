//! Types, domains, sequences, extensions, rights and upkeep. Numbers are rows of the hazard list.

use super::Form;

pub(super) const FORMS: &[Form] = &[
    // H39
    Form {
        words: "alter type * add value",
        message: "a new value of `{0}` stops old code that cannot read it, and never goes away again",
        note: "a running instance fails on the first row that holds the value, and the transaction that adds it cannot use \
               it",
        help: "outside of the plan: release code that can read the value, then add it alone in its transaction, then \
               release code that writes it; or replace the column: `state: {0} => new_state: app.new_type { up …; down …; }`",
    },
    // H40
    Form {
        words: "alter type * rename value",
        message: "renaming a value of `{0}` breaks every running instance that writes or compares it",
        note: "old code fails on its next statement, and a value cannot be removed again",
        help: "make a new type and replace the column: `state: {0} => new_state: app.new_type { up …; down …; }`",
    },
    Form {
        words: "alter type *",
        message: "a change of `{0}` changes every column of that type at once",
        note: "attributes of a composite type rewrite the tables that use it, under a lock that stops reads and writes",
        help: "make a new type and replace the column: `old: {0} => new: app.new_type { up …; down …; }`",
    },
    // H38
    Form {
        words: "alter domain *",
        message: "a change of the domain `{0}` reads every table that uses it, and stops their writers meanwhile",
        note: "that is so even for `validate constraint`, up to PostgreSQL 18",
        help: "outside of the plan: put the check on the columns, `NOT VALID` first; or replace the column: \
               `old: {0} => new: type { up …; down …; }`",
    },
    // H45, H65
    Form {
        words: "create type|domain|schema|function|procedure|operator|cast|aggregate|rule [if not exists] [*]",
        message: "a plan changes columns, and makes nothing that others could use",
        note: "nothing waits for a new object, so it needs no phases",
        help: "outside of the plan: create it, with its schema in its name, before the release that uses it",
    },
    // H76
    Form {
        words: "create|alter|drop extension *",
        message: "extensions are not part of a plan",
        note: "an extension's script locks what it changes, may need a superuser, and another version changes what columns \
               mean",
        help: "outside of the plan: install or update `{0}` by itself, before the plan starts",
    },
    // H78
    Form {
        words: "alter sequence *",
        message: "a change of the sequence `{0}` stops every insert that asks it for a number",
        note: "PostgreSQL locks the sequence until the transaction commits; a sequence made for `integer` also ends at \
               2147483647 under a `bigint` column",
        help: "outside of the plan, in a transaction of its own with a short `lock_timeout`",
    },
    Form {
        words: "create|drop sequence *",
        message: "sequences are not part of a plan",
        note: "a default that asks a sequence is another value each time, and the sync tells an omitted column by its \
               default",
        help: "outside of the plan, before it starts or after it is finished",
    },
    // H75
    Form {
        words: "drop type|domain|function|view|materialized|rule|operator|cast|aggregate|procedure",
        message: "a plan drops nothing but the columns that it has replaced",
        note: "whether anything else still uses it cannot be read from the plan",
        help: "outside of the plan, without `cascade`, once the plan is finished",
    },
    Form {
        words: "grant|revoke",
        message: "rights are not part of a plan",
        note: "rights on a table hold for its new columns as well; rights on single columns are looked up before the old \
               column goes",
        help: "outside of the plan: grant on the new column once phase `expand` is done",
    },
    Form {
        words: "comment on",
        message: "comments are not part of a plan",
        note: "what documents a plan in the code is a doc comment",
        help: "write `///` before the change, or comment on the column outside of the plan",
    },
    Form {
        words: "alter database|system|role|default|function|procedure|statistics",
        message: "a plan changes columns of tables",
        note: "what changes for a whole server or role also changes under plans that are in flight",
        help: "do it outside of the plan, before it starts or after it is finished",
    },
    // H80
    Form {
        words: "analyze|vacuum",
        message: "`analyze` and `vacuum` are not part of a plan",
        note: "autovacuum reads statistics of a new column when enough rows have changed, and the backfill changes all",
        help: "outside of the plan: `ANALYZE` the table once the backfill is done, and before the switch",
    },
];
