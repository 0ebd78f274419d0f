//! Rows of several versions, made one.

use std::collections::BTreeMap;

/// A table's rows by their first columns; the last column is their flags.
pub(crate) struct Table {
    key: usize,
    versions: Vec<u32>,
    rows: BTreeMap<String, Row>,
}

struct Row {
    /// What stands between key and flags, of the newest version that has the row.
    rest: String,
    flags: String,
    seen: Vec<u32>,
}

impl Table {
    pub(crate) fn new(key: usize) -> Table {
        Table { key, versions: Vec::new(), rows: BTreeMap::new() }
    }

    /// Adds the rows of one version; versions come oldest first.
    pub(crate) fn add<'a>(&mut self, version: u32, rows: impl Iterator<Item = &'a str>) {
        self.versions.push(version);
        for row in rows {
            let words: Vec<&str> = row.split(' ').collect();
            let (key, rest) = words.split_at(self.key);
            let (flags, rest) = rest.split_last().unwrap_or((&"", &[]));
            let entry = self.rows.entry(key.join(" ")).or_insert_with(|| Row {
                rest: String::new(),
                flags: (*flags).to_owned(),
                seen: Vec::new(),
            });
            entry.rest = rest.iter().map(|word| format!("{word} ")).collect();
            entry.flags = worst(&entry.flags, flags);
            entry.seen.push(version);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// One line for each row, sorted by bytes.
    pub(crate) fn text(&self) -> String {
        let mut lines: Vec<String> = self.rows.iter().map(|(key, row)| self.line(key, row)).collect();
        lines.sort();
        lines.concat()
    }

    fn line(&self, key: &str, row: &Row) -> String {
        let mut line = format!("{key} {}{}", row.rest, row.flags);
        let (first, last) = (row.seen.first(), row.seen.last());
        if let Some(first) = first.filter(|first| Some(*first) != self.versions.first()) {
            line.push_str(&format!("+{first}"));
        }
        let gone = self.versions.iter().find(|version| Some(*version) > last);
        if let Some(gone) = gone {
            line.push_str(&format!("<{gone}"));
        }
        line.push('\n');
        line
    }
}

/// The flags of the newer version, with the worse volatility of both (`i`, `s`, `v`), and strict (`!`) only
/// where both are.
fn worst(older: &str, newer: &str) -> String {
    let volatility = |flags: &str| flags.chars().next().filter(|first| "isv".contains(*first));
    match (volatility(older), volatility(newer)) {
        (Some(a), Some(b)) => {
            let rest = if older.contains('!') { newer[1..].to_owned() } else { newer[1..].replace('!', "") };
            format!("{}{rest}", a.max(b))
        }
        _ => newer.to_owned(),
    }
}
