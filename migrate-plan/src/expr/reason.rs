//! Why something cannot stand in a conversion.

use std::fmt;

/// Why the value of a node depends on more than its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It reads the clock.
    Clock,
    /// It is random.
    Random,
    /// It reads or changes a sequence.
    Sequence,
    /// It reads who and what the session is.
    Session,
    /// It reads `TimeZone`.
    Zone,
    /// It reads the locale and `TimeZone`.
    Format,
    /// It reads `default_text_search_config`.
    Configuration,
    /// It reads `lc_monetary`.
    Money,
    /// It reads how the session prints such values, though PostgreSQL calls it immutable.
    Printing,
    /// It reads dates, times or intervals as the session does.
    Reading,
    /// PostgreSQL calls it stable because it prints values of any type.
    AnyType,
    /// PostgreSQL calls it stable, for another reason.
    Stable,
    /// PostgreSQL calls it volatile, for another reason.
    Volatile,
    /// It gives several rows.
    Rows,
    /// It takes several rows.
    Aggregate,
    /// It looks at other rows.
    Window,
}

impl Reason {
    /// What to write instead.
    pub fn help(self) -> &'static str {
        match self {
            Reason::Zone => {
                "say the zone: `x at time zone \"UTC\"`, and for a date `x::timestamp at time zone \"UTC\"`"
            }
            Reason::Configuration => "name the configuration: `to_tsvector(\"english\", x)`",
            Reason::Money => "convert a column of type `money` by hand, where one locale is sure",
            Reason::Printing => {
                "print it in a way of its own: `x::numeric::text` for a float, `extract(epoch from x)` for an \
                 interval, `extract(year from x)` … for a date, `encode(x, \"hex\")` for bytes"
            }
            Reason::Reading => {
                "take the text apart: `make_date(substr(x, 1, 4)::integer, substr(x, 6, 2)::integer, …)`, or declare a \
                 function of your own: `extern fn app.f(text) -> date immutable;`"
            }
            Reason::AnyType => {
                "join texts with `||` and `coalesce(x, \"\")`; or put it into a function of your own that is immutable, \
                 and declare that before the tables: `extern fn app.f(…) -> type immutable;`"
            }
            Reason::Rows => "take one element, as `x[1]`, or keep the array",
            Reason::Format => "put the text together from `extract(…)` and `lpad(…)`, or cast to a type and back",
            Reason::Aggregate | Reason::Window => "use the columns of one row",
            Reason::Clock | Reason::Random | Reason::Sequence | Reason::Session | Reason::Stable | Reason::Volatile => {
                "let the application store the value in a column, and read that"
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Clock => "it gives another value every time it is asked",
            Reason::Random => "it gives a random value",
            Reason::Sequence => "it changes or reads a sequence",
            Reason::Session => "its value depends on the session that runs it",
            Reason::Zone => "its value depends on the session's `TimeZone`",
            Reason::Format => "PostgreSQL calls it stable, not immutable: it reads the session's locale and `TimeZone`",
            Reason::Configuration => "its value depends on the session's `default_text_search_config`",
            Reason::Money => "its value depends on the session's `lc_monetary`",
            Reason::Printing => {
                "its value depends on how the session prints such values (`DateStyle`, `extra_float_digits`, \
                 `IntervalStyle`, `bytea_output`)"
            }
            Reason::Reading => {
                "its value depends on how the session reads such text (`DateStyle`, `IntervalStyle`, `TimeZone`)"
            }
            Reason::AnyType => "PostgreSQL calls it stable, not immutable: what it prints may depend on the session",
            Reason::Stable => {
                "PostgreSQL calls it stable, not immutable: it reads the session's settings or the catalog"
            }
            Reason::Volatile => "PostgreSQL calls it volatile: it may give another value every time",
            Reason::Rows => "it gives several rows, and a conversion gives one value",
            Reason::Aggregate => "it is an aggregate, and a conversion sees one row",
            Reason::Window => "it is a window function, and a conversion sees one row",
        })
    }
}
