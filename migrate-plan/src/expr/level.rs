//! PostgreSQL's table of operator precedence, for reading expressions and for printing them.

/// How tightly a form binds, loosest first (PostgreSQL's documentation, 4.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `or`
    Or,
    /// `and`
    And,
    /// `not`
    Not,
    /// `is null`, `is distinct from` …
    Is,
    /// `=`, `<` …: they do not chain.
    Compare,
    /// `between`, `in`, `like` …
    Between,
    /// Every operator without a level of its own.
    Other,
    /// `+`, `-`
    Add,
    /// `*`, `/`, `%`
    Multiply,
    /// `^`
    Power,
    /// `at time zone`
    TimeZone,
    /// `-x`, `+x`
    Sign,
    /// `x[i]`
    Subscript,
    /// `x::type`
    Cast,
    /// What needs no brackets anywhere.
    Atom,
}

impl Level {
    /// The level of an operator made of characters.
    pub fn of(symbol: &str) -> Level {
        match symbol {
            "<" | ">" | "=" | "<=" | ">=" | "<>" => Level::Compare,
            "+" | "-" => Level::Add,
            "*" | "/" | "%" => Level::Multiply,
            "^" => Level::Power,
            _ => Level::Other,
        }
    }

    /// The next tighter one: what the right operand of a left-associative operator needs.
    pub fn tighter(self) -> Level {
        match self {
            Level::Or => Level::And,
            Level::And => Level::Not,
            Level::Not => Level::Is,
            Level::Is => Level::Compare,
            Level::Compare => Level::Between,
            Level::Between => Level::Other,
            Level::Other => Level::Add,
            Level::Add => Level::Multiply,
            Level::Multiply => Level::Power,
            Level::Power => Level::TimeZone,
            Level::TimeZone => Level::Sign,
            Level::Sign => Level::Subscript,
            Level::Subscript => Level::Cast,
            Level::Cast | Level::Atom => Level::Atom,
        }
    }
}
