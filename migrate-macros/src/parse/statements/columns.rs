//! Changes of columns. Numbers are rows of the hazard list.

use super::Form;

/// Why a new column is not simply added.
const OLD_CODE_OMITS: &str = "code of the old version does not know the column and writes rows without it";

/// What to do instead of adding a column that replaces none.
const ADD_BARE: &str = "a plan replaces columns and does not add others yet: outside of it, add the column bare and \
                        nullable, which is instant, and fill it in batches";

pub(super) const FORMS: &[Form] = &[
    // H43
    Form {
        words: "drop [column] [if exists] *",
        message: "dropping `{0}` breaks the code that still names it",
        note: "an old instance reads and writes the column until it ends, and a dropped column does not come back",
        help: "write what replaces it, `{0}: type => new_name: type`: phase `contract` drops it once nothing uses it. A \
               plan does not drop a column without a successor yet: do that outside of it, when no release names it",
    },
    // H41
    Form {
        words: "rename [column] * to|as *",
        message: "renaming `{0}` breaks every running instance at once",
        note: "old code fails on its next statement, and no deploy replaces all instances in the same instant",
        help: "write `{0}: type => {1}: type;`: both names work until no old code is left",
    },
    // H11, H12
    Form {
        words: "alter [column] * set not null",
        message: "`set not null` reads the whole table while nobody can use it",
        note: "PostgreSQL looks at every row under an ACCESS EXCLUSIVE lock, unless a valid check has proven the answer",
        help: "write `{0}: type => new_name: type not null { up coalesce({0}, …); down new_name; }`: the plan fills, \
               proves beside readers and writers, and then sets the flag without reading",
    },
    // H46
    Form {
        words: "alter [column] * drop not null",
        message: "code that was built for a `{0}` without null meets its first null",
        note: "old and new code run side by side, and the old one was compiled for values that are always there",
        help: "write `{0}: type not null => new_name: type { up nullif({0}, value); down coalesce(new_name, value); }`, with a \
               value that nobody uses: old code goes on reading values",
    },
    // H77
    Form {
        words: "alter [column] * set expression",
        message: "a new expression for `{0}` rewrites the table under a lock that stops reads and writes",
        note: "PostgreSQL computes a stored generated column again for every row, in one statement",
        help: "add a plain column outside of the plan, fill it, and let the code use that one",
    },
    // H47
    Form {
        words: "alter [column] * set|drop default",
        message: "another default for `{0}` means one thing to old code and another to new code",
        note: "whoever leaves the column out gets the default of the moment, and both versions run side by side",
        help: "let the code write the value itself, or replace the column: `{0}: type default … => new_name: type default …`",
    },
    // H78
    Form {
        words: "alter [column] * add|drop|set|restart generated|identity|with|start|increment",
        message: "what counts `{0}` up is not part of a plan",
        note: "a change of the sequence stops every insert that asks it for a number",
        help: "change it outside of the plan, in a transaction of its own with a short `lock_timeout`",
    },
    // H80
    Form {
        words: "alter [column] * set statistics|storage|compression|options|(",
        message: "storage and statistics of `{0}` are not part of a plan",
        note: "they change no value; what is kept with a replaced column is read from the live table",
        help: "set them outside of the plan, in a transaction of its own with a short `lock_timeout`",
    },
    // H08, H09, H10, H58
    Form {
        words: "alter [column] * [set data] type",
        message: "changing the type of `{0}` in place can rewrite the table under a lock that stops reads and writes",
        note: "with the rows go all indexes and checks of the column, and views on it make the statement fail; where \
               nothing is rewritten, prepared statements of running code fail all the same",
        help: "write `{0}: old_type => new_name: new_type { up …; down …; }`: it is filled in batches beside running code",
    },
    // H03
    Form {
        words: "add [column] [if not exists] * … smallserial|serial|bigserial|serial2|serial4|serial8",
        message: "a column that counts itself up is numbered by rewriting the table, under a lock that stops reads and \
                  writes",
        note: "every row gets another number, so no constant can stand for all of them",
        help: "outside of the plan: add `{0}` as a nullable `bigint`, give it the sequence as default, and number the \
               old rows in batches",
    },
    // H03
    Form {
        words: "add [column] [if not exists] * … as identity",
        message: "an identity column is numbered by rewriting the table, under a lock that stops reads and writes",
        note: "every row gets another number, so no constant can stand for all of them",
        help: "outside of the plan: add `{0}` as a nullable `bigint`, number the old rows in batches, and make it an \
               identity column once it is not null",
    },
    // H04
    Form {
        words: "add [column] [if not exists] * … generated always as",
        message: "a stored generated column is computed by rewriting the table, under a lock that stops reads and writes",
        note: "PostgreSQL computes it for every row in the statement that adds it",
        help: "write `old: type => {0}: type { up …; down …; }` where it replaces a column; else add a plain column \
               outside of the plan and let the code write it",
    },
    // H02
    Form {
        words: "add [column] [if not exists] * … default gen_random_uuid|uuidv4|uuidv7|uuid_generate_v1|uuid_generate_v4|\
                clock_timestamp|statement_timestamp|timeofday|random|nextval|txid_current (",
        message: "a default that is another value each time makes PostgreSQL rewrite the table, under a lock that stops \
                  reads and writes",
        note: "a constant is stored once for all rows; a value for each row has to be written into each",
        help: "outside of the plan: add `{0}` without a default, set the default in a second statement, and fill the old \
               rows in batches",
    },
    // H07, H14
    Form {
        words: "add [column] [if not exists] * … references",
        message: "a foreign key that comes with its column locks both tables in one transaction",
        note: "with a default, it also looks up every row while writers of both tables wait",
        help: "outside of the plan: add `{0}` bare, then the foreign key `NOT VALID`, then validate it, each in a \
               transaction of its own",
    },
    // H07, H17
    Form {
        words: "add [column] [if not exists] * … unique|primary",
        message: "a unique column builds its index under a lock that stops reads and writes",
        note: "the build reads and sorts the whole table before the lock is let go",
        help: "outside of the plan: add `{0}` bare, build the unique index concurrently, then make it the constraint with \
               `UNIQUE USING INDEX`",
    },
    // H07, H13
    Form {
        words: "add [column] [if not exists] * … check",
        message: "a check that comes with its column reads the whole table under a lock that stops reads and writes",
        note: "that is so even where every row has the same default",
        help: "outside of the plan: add `{0}` bare, then the check `NOT VALID`, then validate it, each in a transaction of \
               its own",
    },
    // H49
    Form {
        words: "add [column] [if not exists] * json",
        message: "values of type `json` cannot be compared",
        note: "`distinct`, `union`, `group by` and `is distinct from` fail on a table with such a column",
        help: "outside of the plan, add `{0}` as `jsonb`",
    },
    // H48
    Form {
        words: "add [column] [if not exists] * … not null default",
        message: "a plan does not add columns that replace none yet",
        note: "the default is constant, so adding it is instant; but old code does not know the column, and where the \
               value says what a row is, old code makes rows of the wrong kind",
        help: ADD_BARE,
    },
    // H06
    Form {
        words: "add [column] [if not exists] * … not null",
        message: "a column that is `not null` and has no default cannot be added to a table with rows",
        note: OLD_CODE_OMITS,
        help: "outside of the plan: add `{0}` nullable, fill it in batches, and prove it with a check that is added `NOT \
               VALID` and validated before the flag is set",
    },
    // H48, H58, H79
    Form {
        words: "add column [if not exists] *",
        message: "a plan does not add columns that replace none yet",
        note: OLD_CODE_OMITS,
        help: ADD_BARE,
    },
    Form {
        words: "add *",
        message: "a plan does not add columns that replace none yet",
        note: OLD_CODE_OMITS,
        help: ADD_BARE,
    },
];
