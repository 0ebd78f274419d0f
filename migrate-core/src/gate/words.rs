//! Names looked for in texts: statements of sessions, bodies of functions.

/// Names as they can stand in SQL.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// In lower case, for a first look that costs little.
    pub(super) plain: Vec<String>,
    /// As regular expressions of PostgreSQL.
    pub(super) patterns: Vec<String>,
}

impl Words {
    pub(super) fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Words {
        let mut words = Words::default();
        for name in names {
            // Whoever uses a name with a quote in it has to double that.
            let written = name.replace('"', "\"\"").to_ascii_lowercase();
            words.patterns.push(format!("(?<![\\w$]){}(?![\\w$])", escaped(&written)));
            words.plain.push(written);
        }
        words
    }
}

/// SQL that is true where `text` has one of the words that two parameters hold. Names that need no quotes may be written
/// in any case; only ASCII letters are folded, as PostgreSQL does it.
pub(super) fn mentions(text: &str, plain: &str, patterns: &str) -> String {
    format!(
        "EXISTS (SELECT FROM ROWS FROM (unnest({plain}::text[]), unnest({patterns}::text[])) AS word(plain, pattern) \
             WHERE strpos(lower(({text}) COLLATE \"C\"), word.plain) > 0 AND ({text}) COLLATE \"C\" ~* word.pattern)"
    )
}

fn escaped(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_punctuation() && c != '_' {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_pattern_means_itself() {
        let words = Words::of(["a.b*", "we\"ird", "Total_1"]);
        assert_eq!(words.patterns[0], r"(?<![\w$])a\.b\*(?![\w$])");
        assert_eq!(words.plain[1], "we\"\"ird");
        assert_eq!(words.patterns[2], r"(?<![\w$])total_1(?![\w$])");
    }
}
