//! Constraints. Numbers are rows of the hazard list.

use super::Form;

pub(super) const FORMS: &[Form] = &[
    // H14, H37, H50, H51
    Form {
        words: "[add] [constraint *] foreign key",
        message: "a plan does not add foreign keys yet, and one that is checked at once stops writes of both tables",
        note: "PostgreSQL looks up every row under SHARE ROW EXCLUSIVE locks on the referencing and the referenced table",
        help: "outside of the plan: build an index on the column concurrently, add the key `NOT VALID`, then validate it \
               in a transaction of its own; give both columns the same type",
    },
    // H18
    Form {
        words: "[add] [constraint *] primary key using index",
        message: "a primary key on a column that may be null reads the whole table under a lock that stops reads and \
                  writes",
        note: "PostgreSQL sets the column not null first, and looks at every row where no valid check has proven it",
        help: "make the column not null first, in a plan: `old: type => key: type not null { up …; down …; }`; then \
               attach the index outside of it",
    },
    // H17
    Form {
        words: "[add] [constraint *] primary key",
        message: "a primary key builds its index under a lock that stops reads and writes",
        note: "the build reads and sorts the whole table before the lock is let go",
        help: "outside of the plan: build a unique index concurrently on columns that are not null, then attach it with \
               `PRIMARY KEY USING INDEX`",
    },
    // H17
    Form {
        words: "[add] [constraint *] unique using index",
        message: "a plan does not add unique constraints yet",
        note: "attaching an index is instant, but two versions of the code may rely on different keys",
        help: "outside of the plan: look that the index is valid, then attach it, in a transaction of its own with a \
               short `lock_timeout`",
    },
    // H17, H61
    Form {
        words: "[add] [constraint *] unique",
        message: "a unique constraint builds its index under a lock that stops reads and writes",
        note: "the build reads and sorts the whole table before the lock is let go, and fails on the first duplicate",
        help: "outside of the plan: remove the duplicates, build a unique index concurrently, then attach it with `UNIQUE \
               USING INDEX`",
    },
    // H15, H60
    Form {
        words: "[add] constraint * check ( not valid",
        message: "a plan does not add checks yet",
        note: "a check that is not valid is still held against every update of an old row, whatever the update changes",
        help: "outside of the plan: mend the rows that break `{0}`, add it `NOT VALID`, and validate it in a transaction \
               of its own",
    },
    // H13
    Form {
        words: "[add] [constraint *] check (",
        message: "a check that is held against all rows at once reads the table under a lock that stops reads and writes",
        note: "PostgreSQL holds ACCESS EXCLUSIVE until the last row is read",
        help: "outside of the plan: add it `NOT VALID`, then validate it in a transaction of its own, which stops nobody",
    },
    // H19
    Form {
        words: "[add] [constraint *] exclude",
        message: "an exclusion constraint builds its index under a lock that stops reads and writes, and has no other way",
        note: "PostgreSQL builds no such index concurrently and takes no such constraint `NOT VALID`",
        help: "outside of the plan: make a new table with the constraint and move the rows into it, or declare a downtime",
    },
    // H15, H16, H73
    Form {
        words: "validate constraint *",
        message: "a plan does not validate constraints of others",
        note: "beside any other change in one transaction, the scan runs under the strongest lock of them all",
        help: "outside of the plan: `VALIDATE CONSTRAINT` alone in its statement and its transaction, without a \
               `statement_timeout`. What a plan adds, its own steps validate",
    },
    // H31, H32
    Form {
        words: "drop constraint [if exists] *",
        message: "a plan does not drop constraints yet",
        note: "dropping a foreign key locks both of its tables against reads and writes, and together with other changes \
               these locks add up",
        help: "outside of the plan: drop `{0}` alone in a transaction with a short `lock_timeout`, and try again until it \
               passes",
    },
    // H47
    Form {
        words: "alter|rename constraint *",
        message: "a plan does not change constraints yet",
        note: "code that names `{0}`, as in `on conflict on constraint`, fails with it",
        help: "outside of the plan, in a transaction of its own with a short `lock_timeout`",
    },
    // H07
    Form {
        words: "add constraint",
        message: "a plan does not add constraints yet",
        note: "added at once, they are held against all rows under a lock that others wait for",
        help: "outside of the plan: add it `NOT VALID`, then validate it in a transaction of its own",
    },
];
