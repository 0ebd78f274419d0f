//! Functions whose text names an old column. A text is not parsed before it is run, so that PostgreSQL's catalog of
//! dependencies does not know what it uses.

use postgres::GenericClient;

use super::words::{Words, mentions};
use super::{Look, Seen};
use crate::ask::Ask;
use crate::catalog;
use crate::closed::Evidence;
use crate::database::Doing;
use crate::error::Error;

/// The first OID that an object of a user has (`FirstNormalObjectId`): below it is PostgreSQL's own, thousands of functions.
const FIRST_OF_USERS: u32 = 16_384;

/// The functions that name an old column of a plan together with its table, or are called by a trigger of the table.
pub(super) fn naming(client: &mut impl GenericClient, look: &Look<'_>) -> Result<Vec<Evidence>, Error> {
    let mut found: Vec<Evidence> = Vec::new();
    for Seen { table, members } in look.standing() {
        let table_words = Words::of(members.iter().map(|member| &*member.name));
        // A retired column's name begins with what is no part of a word, so that this finds it too.
        let columns = Words::of(table.old_columns.iter().map(String::as_str));
        let (names_column, names_table) = (mentions("f.prosrc", "$1", "$2"), mentions("f.prosrc", "$3", "$4"));
        let sql = format!(
            "SELECT f.oid::pg_catalog.regprocedure::text, l.lanname::text, {names_table} \
             FROM pg_catalog.pg_proc f \
             JOIN pg_catalog.pg_language l ON l.oid = f.prolang \
             JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace \
             WHERE f.oid >= {FIRST_OF_USERS} AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate') \
               AND l.lanname NOT IN ('internal', 'c') AND {names_column} \
               AND ({names_table} OR EXISTS (SELECT FROM pg_catalog.pg_trigger t \
                                             WHERE t.tgfoid = f.oid AND t.tgrelid = ANY ($5))) \
             ORDER BY 1"
        );
        let rows = client
            .ask(
                &sql,
                &[
                    &columns.plain,
                    &columns.patterns,
                    &table_words.plain,
                    &table_words.patterns,
                    &catalog::relations(members),
                ],
            )
            .doing("looking for functions that name an old column")?;
        for row in rows {
            let (function, language, names_table): (String, String, bool) = (row.get(0), row.get(1), row.get(2));
            let how = if names_table { "names the table and" } else { "is called by its triggers and names" };
            let shown = format!(
                "function {function} ({language}) {how} an old column of {}: {}",
                table.shown(),
                table.old_columns.join(", ")
            );
            let key = format!("function:{function}");
            if !found.iter().any(|evidence| evidence.key == key) {
                found.push(Evidence::new(key, shown));
            }
        }
    }
    Ok(found)
}

/// SQL for whether there are functions with a text at all: many databases have none, and to plan the query that reads them
/// takes longer than to ask this.
pub(super) fn are_there_any() -> String {
    format!(
        "EXISTS (SELECT FROM pg_catalog.pg_proc f \
                 WHERE f.oid >= {FIRST_OF_USERS} AND f.pronamespace <> 'migrate'::pg_catalog.regnamespace \
                   AND f.prolang <> ALL (ARRAY (SELECT l.oid FROM pg_catalog.pg_language l \
                                                WHERE l.lanname IN ('internal', 'c'))))"
    )
}
