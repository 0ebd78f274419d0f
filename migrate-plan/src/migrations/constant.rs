//! What constant expressions lack: texts that are compared, cut and put together.

/// Compared from the end: names that differ often begin alike, and constant evaluation is slow.
pub(super) const fn equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = a.len();
    while at > 0 {
        at -= 1;
        if a[at] != b[at] {
            return false;
        }
    }
    true
}

/// The next line without the spaces around it, and what follows it; empty lines are left out. `None` at the end.
pub(super) const fn line(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let mut start = 0;
    while start < bytes.len() && matches!(bytes[start], b' ' | b'\t' | b'\r' | b'\n') {
        start += 1;
    }
    if start == bytes.len() {
        return None;
    }
    let mut end = start;
    while end < bytes.len() && bytes[end] != b'\n' {
        end += 1;
    }
    let (line, rest) = text.split_at(end);
    let (_, line) = line.split_at(start);
    Some((line.trim_ascii_end(), rest))
}

/// Panics with these texts, one after the other: a constant expression has no other formatting.
#[track_caller]
pub(super) const fn fail(parts: &[&str]) -> ! {
    const MOST: usize = 4096;
    let mut message = [b' '; MOST];
    let mut length = 0;
    let mut part = 0;
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        // A text that does not fit is left out whole: half a character would be none.
        if length + bytes.len() <= MOST {
            let mut at = 0;
            while at < bytes.len() {
                message[length] = bytes[at];
                length += 1;
                at += 1;
            }
        }
        part += 1;
    }
    let (message, _) = message.split_at(length);
    match std::str::from_utf8(message) {
        Ok(message) => panic!("{}", message),
        Err(_) => panic!("the plans do not fit together"),
    }
}
