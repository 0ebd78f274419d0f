//! The plans that the sync is tested with: each a kind of conversion, with a small domain of values on
//! which every combination can be tried.

use migrate::Plan;

/// A value as PostgreSQL prints it, or null.
pub type Value = Option<String>;

/// A plan of one table `public.item`, and values to write.
pub struct Config {
    pub name: &'static str,
    pub plan: fn() -> &'static Plan,
    /// Statements before the table is created.
    pub prepare: &'static str,
    pub old_type: &'static str,
    pub old: &'static [Option<&'static str>],
    pub new: &'static [Option<&'static str>],
    /// `name type not null` of a column that the conversions read.
    pub context: Option<(&'static str, &'static str)>,
    pub context_values: &'static [&'static str],
    /// A `BEFORE` trigger of the user's changes the old column to lower case.
    pub lower_cased: bool,
    /// The old column refers to `public.parent (code)`, whose keys are the old values.
    pub references: bool,
}

/// A plan in a module of its own; all have the same name.
macro_rules! item {
    ($module:ident { $($table:tt)* }) => {
        pub mod $module {
            migrate::plan! { pub mod item_change; stage dual_write; $($table)* }
        }
    };
}

item!(exact { table item (id: bigint not null) {
    total: numeric(12, 2) not null => total_cents: bigint not null {
        up round(total * 100)::bigint; down total_cents / 100.0;
    }
} });

item!(lossy_down { table item (id: bigint not null) {
    price: integer not null => amount: numeric(12, 2) not null { up price::numeric; down floor(amount)::integer; }
} });

item!(lossy_up { table item (id: bigint not null) {
    amount: numeric not null default 7.5 between 0 and 1_000_000 => whole: integer not null {
        up floor(amount)::integer; down whole::numeric; lossy "fractions are cut off";
    }
} });

item!(renamed { table item (id: bigint not null) {
    nick: text => nickname: text;
} });

item!(folded { table item (id: bigint not null) {
    email: public.citext not null => address: public.citext not null;
} });

item!(emptied { table item (id: bigint not null) {
    nick: text not null default "" => nickname: text { up nullif(nick, ""); down coalesce(nickname, ""); }
} });

item!(filled { table item (id: bigint not null) {
    status: text => state: text not null default "none" {
        up coalesce(status, "none"); down nullif(state, "none"); lossy "the text none becomes null";
    }
} });

item!(defaulted { table item (id: bigint not null) {
    level: smallint not null => grade: text not null default "g1" {
        up "g" || level::text; down right(grade, 1)::smallint; lossy "only the last digit is read";
    }
} });

item!(scaled { table item (id: bigint not null, factor: integer not null) {
    minor: bigint not null => amount: numeric(12, 3) not null {
        // What was a text hides from the ranges that it may be 0.
        up minor::numeric / factor::text::integer; down round(amount * factor)::bigint; lossy "thirds are rounded";
    }
} });

item!(parsed { table item (id: bigint not null) {
    code: text not null => number: integer not null {
        up code::integer; down number::text; lossy "leading zeros go";
    }
} });

item!(parsed_or_null { table item (id: bigint not null) {
    code: text => number: integer { up code::integer; down number::text; lossy "leading zeros go"; }
} });

item!(printed_or_null { table item (id: bigint not null) {
    label: integer => tag: text { up label::text; down tag::integer; }
} });

item!(one_way { table item (id: bigint not null) {
    code: text => number: integer { up code::integer; down "n" || number::text; lossy "it comes back with a letter"; }
} });

item!(lossy_or_null { table item (id: bigint not null) {
    price: integer => amount: numeric(12, 2) { up price::numeric; down floor(amount)::integer; }
} });

item!(lowered_or_null { table item (id: bigint not null) {
    nick: text => handle: text { up lower(nick); down handle; lossy "capitals go"; }
} });

item!(referring { table item (id: bigint not null) {
    country: text not null => country_code: text not null { up "c" || country; down substr(country_code, 2); }
} });

macro_rules! config {
    ($module:ident, $old_type:literal, $old:expr, $new:expr $(, $field:ident: $value:expr)*) => {
        Config {
            $($field: $value,)*
            ..Config {
                name: stringify!($module),
                plan: || &$module::item_change::PLAN,
                prepare: "",
                old_type: $old_type,
                old: $old,
                new: $new,
                context: None,
                context_values: &[],
                lower_cased: false,
                references: false,
            }
        }
    };
}

/// All of them.
pub fn all() -> Vec<Config> {
    vec![
        config!(exact, "numeric(12,2) not null", &[Some("1.00"), Some("19.99")], &[Some("100"), Some("250"), None]),
        config!(
            lossy_down,
            "integer not null",
            &[Some("19"), Some("7")],
            &[Some("19.99"), Some("19.00"), Some("7.50"), None]
        ),
        config!(
            lossy_up,
            "numeric not null default 7.5",
            &[Some("7.5"), Some("7.50"), Some("9")],
            &[Some("7"), Some("9"), Some("3"), None]
        ),
        config!(renamed, "text", &[Some("ann"), Some("bob"), None], &[Some("ann"), Some("BOB"), None], lower_cased: true),
        config!(
            folded,
            "public.citext not null",
            &[Some("a@x"), Some("A@x")],
            &[Some("a@x"), Some("A@X"), None],
            prepare: "CREATE EXTENSION IF NOT EXISTS citext SCHEMA public"
        ),
        config!(emptied, "text not null default ''", &[Some(""), Some("x"), None], &[None, Some("x"), Some("y")]),
        config!(filled, "text", &[None, Some("a"), Some("none")], &[Some("none"), Some("a"), Some("b"), None]),
        config!(defaulted, "smallint not null", &[Some("1"), Some("2")], &[Some("g1"), Some("g2"), Some("x2"), None]),
        config!(
            scaled,
            "bigint not null",
            &[Some("100"), Some("1")],
            &[Some("1.000"), Some("3.335"), None],
            context: Some(("factor", "integer not null")),
            context_values: &["100", "3000", "0"]
        ),
        config!(parsed, "text not null", &[Some("12"), Some("012"), Some("x")], &[Some("12"), Some("5"), None]),
        config!(parsed_or_null, "text", &[Some("12"), Some("012"), Some("x"), None], &[Some("12"), Some("5"), None]),
        config!(printed_or_null, "integer", &[Some("1"), Some("2"), None], &[Some("1"), Some("02"), Some("x"), None]),
        config!(one_way, "text", &[Some("12"), Some("n5"), None], &[Some("12"), Some("5"), None]),
        config!(lossy_or_null, "integer", &[Some("19"), Some("7"), None], &[Some("19.99"), Some("7.00"), None]),
        config!(
            lowered_or_null,
            "text",
            &[Some("Ann"), Some("ann"), None],
            &[Some("ann"), Some("Ann"), Some("b"), None]
        ),
        config!(
            referring,
            "text not null",
            &[Some("de"), Some("fr")],
            &[Some("cde"), Some("cfr"), Some("xde"), None],
            references: true
        ),
    ]
}
