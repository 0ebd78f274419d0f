//! SQL text as a plan spells it, for messages.

/// `round(total * 100)::bigint` for `pg_catalog."round"("total" * 100)::bigint`.
pub fn written(sql: &str) -> String {
    let mut text = String::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let quoted = match first {
            '"' | '\'' => until(rest, first),
            _ => None,
        };
        match (first, quoted) {
            ('"', Some((name, after))) => {
                let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                text.push_str(&if plain { name } else { format!("col({name:?})") });
                rest = after;
            }
            ('\'', Some((constant, after))) => {
                text.push_str(&format!("{constant:?}"));
                rest = after;
            }
            _ => match rest.strip_prefix("pg_catalog.") {
                Some(after) => rest = after,
                None => {
                    text.extend(first.to_lowercase());
                    rest = &rest[first.len_utf8()..];
                }
            },
        }
    }
    // The field of `extract` is a word.
    match text.split_once("extract(\"").and_then(|(before, rest)| Some((before, rest.split_once('"')?))) {
        Some((before, (field, after))) => format!("{before}extract({field}{after}"),
        None => text,
    }
}

/// What stands between two quotes, and what follows; a doubled quote is one.
fn until(text: &str, quote: char) -> Option<(String, &str)> {
    let mut inner = String::new();
    let mut rest = &text[1..];
    loop {
        let end = rest.find(quote)?;
        inner.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix(quote) {
            Some(after) => {
                inner.push(quote);
                rest = after;
            }
            None => return Some((inner, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn sql_reads_as_it_was_written() {
        let sql = "CASE WHEN \"a\" = 'it''s' THEN pg_catalog.\"round\"(\"A b\", 2)::pg_catalog.uuid END";
        assert_eq!(written(sql), "case when a = \"it's\" then round(col(\"A b\"), 2)::uuid end");
    }
}
