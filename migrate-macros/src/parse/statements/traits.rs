//! What may follow a column's type in SQL, and not in a plan. Numbers are rows of the hazard list.

use super::Form;

/// What is there already is read from the live table.
const READ: &str = "what hangs on a column (indexes, constraints, collation, comment) is read from the live table";

/// On columns that are there before the plan.
pub(super) const LIVE: &[Form] = &[
    hangs_on("primary", "`primary` is not part of a plan"),
    hangs_on("unique", "`unique` is not part of a plan"),
    hangs_on("references", "`references` is not part of a plan"),
    hangs_on("check", "`check` is not part of a plan"),
    hangs_on("constraint", "`constraint` is not part of a plan"),
    hangs_on("exclude", "`exclude` is not part of a plan"),
    hangs_on("collate", "`collate` is not part of a plan"),
    hangs_on("comment", "`comment` is not part of a plan"),
    hangs_on("storage", "`storage` is not part of a plan"),
    hangs_on("compression", "`compression` is not part of a plan"),
    Form {
        words: "generated|identity|autoincrement|auto_increment",
        message: "a column that PostgreSQL fills in itself cannot be replaced",
        note: "the sync would have to write it, and PostgreSQL does not allow that",
        help: "make it a plain column first",
    },
];

const fn hangs_on(words: &'static str, message: &'static str) -> Form {
    Form { words, message, note: READ, help: "leave it out" }
}

/// When a constraint or an index may come.
const ONCE_FILLED: &str = "while the table is filled it would be checked, or kept, for every row";

/// On the column that the plan makes.
pub(super) const NEW: &[Form] = &[
    // H17, H18
    Form {
        words: "primary [key]",
        message: "`{0}` cannot become the primary key with the column",
        note: "its index would be built under a lock that stops reads and writes",
        help: "declare it `not null`; once it is filled, build a unique index concurrently, and attach it with `PRIMARY KEY \
               USING INDEX` when the plan is finished",
    },
    // H07, H17
    Form {
        words: "unique",
        message: "`{0}` cannot be made unique with the column",
        note: "the index would be built under a lock that stops reads and writes",
        help: "leave it out; once the column is filled, and before the switch, build the unique index concurrently",
    },
    // H07, H14, H50
    Form {
        words: "references",
        message: "`{0}` cannot get its foreign key with the column",
        note: "it locks both tables, and looks up every row while writers of both wait",
        help: "leave it out; once the column is filled, add the foreign key `NOT VALID`, and validate it in a transaction \
               of its own",
    },
    // H07, H13
    Form {
        words: "check",
        message: "`{0}` cannot get a check with the column",
        note: ONCE_FILLED,
        help: "leave it out; once the column is filled, add the check `NOT VALID`, and validate it in a transaction of its \
               own",
    },
    // H19
    Form {
        words: "exclude",
        message: "`{0}` cannot get an exclusion constraint",
        note: "PostgreSQL builds its index only under a lock that stops reads and writes",
        help: "leave it out",
    },
    // H03, H78
    Form {
        words: "generated always|by [default] as identity",
        message: "`{0}` cannot be an identity column while the sync writes it",
        note: "its value is made from the old column, and the next number of a sequence would be another one",
        help: "leave it out; when the plan is finished, make it an identity column and set its sequence beyond the highest \
               value",
    },
    Form {
        words: "identity|autoincrement|auto_increment",
        message: "`{0}` cannot count itself up while the sync writes it",
        note: "its value is made from the old column, and the next number of a sequence would be another one",
        help: "leave it out; when the plan is finished, make it an identity column and set its sequence beyond the highest \
               value",
    },
    // H04
    Form {
        words: "generated",
        message: "`{0}` cannot be a generated column",
        note: "PostgreSQL would compute it for every row under a lock that stops reads and writes, and let nobody write it",
        help: "write the expression as `up`: `{ up …; down …; }`, and the sync keeps the column as long as both sides live",
    },
    Form {
        words: "collate",
        message: "a collation cannot be named in a plan",
        note: "indexes and comparisons under another collation are another change",
        help: "leave it out: the column gets the collation of its type",
    },
    Form {
        words: "constraint|deferrable|initially|on|match|comment|storage|compression",
        message: "this is not part of a plan",
        note: ONCE_FILLED,
        help: "leave it out, and add it once the column is filled",
    },
];
