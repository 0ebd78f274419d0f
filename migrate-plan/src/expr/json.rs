//! Whether a text is JSON (RFC 8259), as PostgreSQL's `json` takes it.

/// How deep values may be nested; what is deeper is taken for granted.
const DEEPEST: usize = 64;

/// Whether the text is one JSON value.
pub(super) fn is_json(text: &str) -> bool {
    let mut reader = Reader { rest: text, too_deep: false };
    let is_value = reader.value(0).is_some();
    reader.space();
    reader.too_deep || is_value && reader.rest.is_empty()
}

struct Reader<'a> {
    rest: &'a str,
    too_deep: bool,
}

impl Reader<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn eat(&mut self, text: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(text)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        self.space();
        if depth > DEEPEST {
            self.too_deep = true;
            return None;
        }
        match self.rest.bytes().next()? {
            b'{' => self.list("{", "}", depth, true),
            b'[' => self.list("[", "]", depth, false),
            b'"' => self.string(),
            b't' => self.eat("true"),
            b'f' => self.eat("false"),
            b'n' => self.eat("null"),
            _ => self.number(),
        }
    }

    fn list(&mut self, open: &str, close: &str, depth: usize, keys: bool) -> Option<()> {
        self.eat(open)?;
        self.space();
        if self.eat(close).is_some() {
            return Some(());
        }
        loop {
            if keys {
                self.space();
                self.string()?;
                self.space();
                self.eat(":")?;
            }
            self.value(depth + 1)?;
            self.space();
            if self.eat(",").is_none() {
                return self.eat(close);
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        self.eat("\"")?;
        let mut characters = self.rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(());
                }
                '\\' => match characters.next()?.1 {
                    '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => {}
                    'u' => {
                        for _ in 0..4 {
                            characters.next()?.1.is_ascii_hexdigit().then_some(())?;
                        }
                    }
                    _ => return None,
                },
                control if control < ' ' => return None,
                _ => {}
            }
        }
        None
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.eat("-");
        if self.eat("0").is_none() {
            self.digits()?;
        }
        if self.eat(".").is_some() {
            self.digits()?;
        }
        if self.eat("e").or_else(|| self.eat("E")).is_some() {
            let _ = self.eat("-").or_else(|| self.eat("+"));
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let rest = self.rest.trim_start_matches(|character: char| character.is_ascii_digit());
        let some = rest.len() < self.rest.len();
        self.rest = rest;
        some.then_some(())
    }
}
