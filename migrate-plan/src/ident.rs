//! PostgreSQL identifiers: quoting, length, and the names that are derived from others.

use std::fmt;

/// The longest identifier PostgreSQL keeps, in bytes (`NAMEDATALEN - 1`). It cuts a longer one
/// without an error, so two long names can become one.
pub const MAX_IDENTIFIER: usize = 63;

/// The schema in the target database that holds the state and every function of this library.
pub const SCHEMA: &str = "migrate";

/// The prefix of every object that the runtime puts on a user's table. It sorts after all ASCII
/// letters, so the sync triggers fire after the user's own, and it cannot start an unquoted name.
pub const RESERVED_PREFIX: char = '~';

/// The sync trigger for `INSERT`.
pub const INSERT_TRIGGER: &str = "~migrate_sync_i";

/// The sync trigger for `UPDATE`.
pub const UPDATE_TRIGGER: &str = "~migrate_sync_u";

/// A quoted identifier: `"total"`.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A quoted text constant: `'it''s'`. Backslashes stay what they are, whatever
/// `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// An object of this library's own schema, qualified and quoted.
pub fn own(name: &str) -> String {
    format!("{}.{}", quote(SCHEMA), quote(name))
}

/// A body of code as a constant that nothing in it ends.
pub fn dollar_quoted(body: &str) -> String {
    let mut tag = String::from("$body$");
    while body.contains(&tag) {
        tag.insert(1, '_');
    }
    format!("{tag}{body}{tag}")
}

/// The name under which a retired column waits to be dropped.
pub fn retired(column: &str) -> String {
    format!("{RESERVED_PREFIX}{column}")
}

/// The name of change number `change` of a plan, counted from 1 over all its tables.
pub fn of_change(plan: &str, change: usize, what: &str) -> String {
    format!("{plan}_{change}_{what}")
}

/// The sequence that counts a plan's conflicts.
pub fn conflicts(plan: &str) -> String {
    format!("{plan}_conflicts")
}

/// The check that proves a new column `NOT NULL` before PostgreSQL is told so.
pub fn not_null_proof(plan: &str, change: usize) -> String {
    format!("{RESERVED_PREFIX}{}", of_change(plan, change, "not_null"))
}

/// The function that all plans in flight on one table share.
///
/// Plain where the parts are plain and fit; else cut, with a hash of the whole, so that no two
/// tables ever share one.
pub fn sync_function(schema: &str, table: &str) -> String {
    let whole = format!("sync {schema}.{table}");
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain(schema) && plain(table) && whole.len() <= MAX_IDENTIFIER {
        return whole;
    }
    let suffix = format!(" {:016x}", fnv1a(&format!("{}.{}", quote(schema), quote(table))));
    let mut end = MAX_IDENTIFIER - suffix.len();
    end = end.min(whole.len());
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &whole[..end])
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): enough to keep derived names apart, never for security.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A table by schema and name; `Display` quotes both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qualified<'a> {
    /// The schema.
    pub schema: &'a str,
    /// The name.
    pub name: &'a str,
}

impl fmt::Display for Qualified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", quote(self.schema), quote(self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quote("we\"ird"), "\"we\"\"ird\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\b'c"), "E'a\\\\b''c'");
    }

    #[test]
    fn long_and_odd_tables_get_functions_of_their_own() {
        let long = "t".repeat(63);
        let longer = format!("{}x", "t".repeat(62));
        assert!(sync_function("public", &long).len() <= MAX_IDENTIFIER);
        assert_ne!(sync_function("public", &long), sync_function("public", &longer));
        assert_ne!(sync_function("a.b", "c"), sync_function("a", "b.c"));
        let wide = "ü".repeat(31);
        assert!(sync_function("public", &wide).len() <= MAX_IDENTIFIER);
        assert_eq!(sync_function("public", "orders"), "sync public.orders");
    }
}
