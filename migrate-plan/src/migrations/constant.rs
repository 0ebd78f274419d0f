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

/// Panics with a text in which `{0}`, `{1}` … stand for the arguments: a constant expression has no other formatting.
#[track_caller]
pub(super) const fn fail(template: &str, arguments: &[&str]) -> ! {
    const MOST: usize = 4096;
    let template = template.as_bytes();
    let mut message = [b' '; MOST];
    let (mut length, mut from) = (0, 0);
    while from < template.len() && length < MOST {
        if template[from] == b'{' {
            let argument = arguments[(template[from + 1] - b'0') as usize].as_bytes();
            // An argument that does not fit is left out whole: half a character would be none.
            let mut at = 0;
            while at < argument.len() && length + argument.len() - at <= MOST {
                message[length] = argument[at];
                length += 1;
                at += 1;
            }
            from += 3;
        } else {
            message[length] = template[from];
            length += 1;
            from += 1;
        }
    }
    let (message, _) = message.split_at(length);
    match std::str::from_utf8(message) {
        Ok(message) => panic!("{}", message),
        Err(_) => panic!("the plans do not fit together"),
    }
}
