//! PostgreSQL's own functions, as far as a plan must know them.

mod names;

/// How far a function's value depends on more than its arguments, and whether it gives one value for
/// one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// On its arguments alone.
    Immutable,
    /// On the session's settings or on the catalog too.
    Stable,
    /// On anything.
    Volatile,
    /// It gives several rows.
    Set,
    /// It makes one value of several rows.
    Aggregate,
    /// It looks at other rows.
    Window,
}

const CLASSES: [(Class, &[&str]); 6] = [
    (Class::Immutable, names::IMMUTABLE),
    (Class::Stable, names::STABLE),
    (Class::Volatile, names::VOLATILE),
    (Class::Set, names::SET),
    (Class::Aggregate, names::AGGREGATE),
    (Class::Window, names::WINDOW),
];

/// What a function without a schema is; `None` where PostgreSQL has none of this name.
pub fn class(name: &str) -> Option<Class> {
    CLASSES.iter().find(|(_, names)| names.binary_search(&name).is_ok()).map(|(class, _)| *class)
}

/// All names.
pub fn names() -> impl Iterator<Item = &'static str> {
    CLASSES.iter().flat_map(|(_, names)| names.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_once_and_in_its_class() {
        let all: Vec<&str> = names().collect();
        let distinct: std::collections::HashSet<&&str> = all.iter().collect();
        assert_eq!(all.len(), distinct.len());
        for (class, names) in CLASSES {
            assert!(names.is_sorted(), "{class:?}");
        }
        for (name, expected) in [
            ("round", Class::Immutable),
            ("to_char", Class::Stable),
            ("random", Class::Volatile),
            ("unnest", Class::Set),
            ("sum", Class::Aggregate),
            ("lag", Class::Window),
        ] {
            assert_eq!(class(name), Some(expected), "{name}");
        }
        assert_eq!(class("rond"), None);
    }
}
