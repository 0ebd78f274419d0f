//! Every built-in type of PostgreSQL 14 to 18 that a column can have, with its aliases.

use super::Image;

/// A built-in type.
#[derive(Debug, PartialEq, Eq)]
pub struct Builtin {
    /// PostgreSQL's own name for it, as `format_type` prints it.
    pub name: &'static str,
    /// Other spellings, and `pg_type.typname` where that differs.
    pub aliases: &'static [&'static str],
    /// What kind of value it holds.
    pub category: Category,
    /// What may stand in brackets after it.
    pub modifiers: Modifiers,
    /// How two values are told apart to the last bit.
    pub image: Image,
    /// The Rust type that stands for it in a plan's columns.
    pub marker: &'static str,
}

/// Kinds of values, as far as conversions between types need them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// Numbers.
    Number,
    /// Text.
    Text,
    /// Booleans.
    Boolean,
    /// Dates, times and timestamps.
    Time,
    /// Intervals.
    Interval,
    /// Bytes.
    Bytes,
    /// `json` and `jsonb`.
    Json,
    /// `uuid`.
    Uuid,
    /// Bit strings.
    Bits,
    /// Network addresses.
    Network,
    /// Points, lines, boxes …
    Geometry,
    /// Ranges and multiranges.
    Range,
    /// Text search.
    Search,
    /// Object identifiers and other types of the catalog.
    Catalog,
    /// `money`.
    Money,
    /// `xml`.
    Xml,
    /// Arrays of anything.
    Array,
    /// Enums, domains, composites, extension types.
    User,
}

/// What may stand in brackets after a type's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifiers {
    /// Nothing.
    None,
    /// A length, 1 or more.
    Length,
    /// Fractional digits of a second, 0 to 6.
    Precision,
    /// Precision and scale of `numeric`.
    Numeric,
    /// `interval`'s fields and precision.
    Interval,
}

impl Builtin {
    /// Finds a type by PostgreSQL's name or an alias; several words are parted by one space.
    pub fn find(words: &str) -> Option<&'static Builtin> {
        BUILTINS.iter().find(|builtin| builtin.name == words || builtin.aliases.contains(&words))
    }

    /// The name, safe under any `search_path`.
    pub fn qualified(&self) -> String {
        if self.is_keyword() { self.name.to_owned() } else { format!("pg_catalog.{}", self.name) }
    }

    /// Whether SQL's grammar itself knows the name, so that no schema can hide it.
    pub(super) fn is_keyword(&self) -> bool {
        const KEYWORDS: [&str; 8] =
            ["smallint", "integer", "bigint", "numeric", "real", "boolean", "interval", "character"];
        self.name.contains(' ') || KEYWORDS.contains(&self.name) || self.name == "bit"
    }

    /// A whole number type's rank, `smallint` lowest.
    pub fn integer_rank(&self) -> Option<usize> {
        ["smallint", "integer", "bigint"].iter().position(|name| *name == self.name)
    }
}

const fn of(
    name: &'static str,
    aliases: &'static [&'static str],
    category: Category,
    modifiers: Modifiers,
    image: Image,
    marker: &'static str,
) -> Builtin {
    Builtin { name, aliases, category, modifiers, image, marker }
}

use Category as C;
use Modifiers as M;

/// All of them. The image of each type follows PostgreSQL's `btequalimage`: plain comparison only
/// where equal values are identical.
#[rustfmt::skip]
pub static BUILTINS: &[Builtin] = &[
    of("smallint", &["int2"], C::Number, M::None, Image::Plain, "SmallInt"),
    of("integer", &["int", "int4"], C::Number, M::None, Image::Plain, "Integer"),
    of("bigint", &["int8"], C::Number, M::None, Image::Plain, "BigInt"),
    of("numeric", &["decimal", "dec"], C::Number, M::Numeric, Image::Send("numeric_send"), "Numeric"),
    of("real", &["float4"], C::Number, M::None, Image::Send("float4send"), "Real"),
    of("double precision", &["float8"], C::Number, M::None, Image::Send("float8send"), "DoublePrecision"),
    of("money", &[], C::Money, M::None, Image::Plain, "Money"),
    of("boolean", &["bool"], C::Boolean, M::None, Image::Plain, "Boolean"),
    of("text", &[], C::Text, M::None, Image::Collated, "Text"),
    of("character varying", &["varchar", "char varying", "national character varying", "national char varying", "nchar varying"], C::Text, M::Length, Image::Collated, "VarChar"),
    of("character", &["char", "nchar", "national character", "national char"], C::Text, M::Length, Image::Send("bpcharsend"), "Char"),
    of("bpchar", &[], C::Text, M::None, Image::Send("bpcharsend"), "Char"),
    of("\"char\"", &[], C::Catalog, M::None, Image::Plain, "SingleByteChar"),
    of("name", &[], C::Catalog, M::None, Image::Plain, "Name"),
    of("bytea", &[], C::Bytes, M::None, Image::Plain, "Bytea"),
    of("uuid", &[], C::Uuid, M::None, Image::Plain, "Uuid"),
    of("json", &[], C::Json, M::None, Image::Text, "Json"),
    of("jsonb", &[], C::Json, M::None, Image::Send("jsonb_send"), "Jsonb"),
    of("jsonpath", &[], C::Json, M::None, Image::Text, "JsonPath"),
    of("xml", &[], C::Xml, M::None, Image::Text, "Xml"),
    of("date", &[], C::Time, M::None, Image::Plain, "Date"),
    of("time without time zone", &["time"], C::Time, M::Precision, Image::Plain, "Time"),
    of("time with time zone", &["timetz"], C::Time, M::Precision, Image::Plain, "TimeTz"),
    of("timestamp without time zone", &["timestamp"], C::Time, M::Precision, Image::Plain, "Timestamp"),
    of("timestamp with time zone", &["timestamptz"], C::Time, M::Precision, Image::Plain, "TimestampTz"),
    of("interval", &[], C::Interval, M::Interval, Image::Send("interval_send"), "Interval"),
    of("bit", &[], C::Bits, M::Length, Image::Plain, "Bit"),
    of("bit varying", &["varbit"], C::Bits, M::Length, Image::Plain, "VarBit"),
    of("inet", &[], C::Network, M::None, Image::Plain, "Inet"),
    of("cidr", &[], C::Network, M::None, Image::Plain, "Cidr"),
    of("macaddr", &[], C::Network, M::None, Image::Plain, "MacAddr"),
    of("macaddr8", &[], C::Network, M::None, Image::Plain, "MacAddr8"),
    of("point", &[], C::Geometry, M::None, Image::Send("point_send"), "Point"),
    of("line", &[], C::Geometry, M::None, Image::Send("line_send"), "Line"),
    of("lseg", &[], C::Geometry, M::None, Image::Send("lseg_send"), "LineSegment"),
    of("box", &[], C::Geometry, M::None, Image::Send("box_send"), "Box2d"),
    of("path", &[], C::Geometry, M::None, Image::Send("path_send"), "Path"),
    of("polygon", &[], C::Geometry, M::None, Image::Send("poly_send"), "Polygon"),
    of("circle", &[], C::Geometry, M::None, Image::Send("circle_send"), "Circle"),
    of("int4range", &[], C::Range, M::None, Image::Send("range_send"), "Int4Range"),
    of("int8range", &[], C::Range, M::None, Image::Send("range_send"), "Int8Range"),
    of("numrange", &[], C::Range, M::None, Image::Send("range_send"), "NumRange"),
    of("tsrange", &[], C::Range, M::None, Image::Send("range_send"), "TsRange"),
    of("tstzrange", &[], C::Range, M::None, Image::Send("range_send"), "TsTzRange"),
    of("daterange", &[], C::Range, M::None, Image::Send("range_send"), "DateRange"),
    of("int4multirange", &[], C::Range, M::None, Image::Send("multirange_send"), "Int4Multirange"),
    of("int8multirange", &[], C::Range, M::None, Image::Send("multirange_send"), "Int8Multirange"),
    of("nummultirange", &[], C::Range, M::None, Image::Send("multirange_send"), "NumMultirange"),
    of("tsmultirange", &[], C::Range, M::None, Image::Send("multirange_send"), "TsMultirange"),
    of("tstzmultirange", &[], C::Range, M::None, Image::Send("multirange_send"), "TsTzMultirange"),
    of("datemultirange", &[], C::Range, M::None, Image::Send("multirange_send"), "DateMultirange"),
    of("tsvector", &[], C::Search, M::None, Image::Send("tsvectorsend"), "TsVector"),
    of("tsquery", &[], C::Search, M::None, Image::Send("tsquerysend"), "TsQuery"),
    of("pg_lsn", &[], C::Catalog, M::None, Image::Plain, "PgLsn"),
    of("pg_snapshot", &[], C::Catalog, M::None, Image::Text, "PgSnapshot"),
    of("txid_snapshot", &[], C::Catalog, M::None, Image::Text, "TxidSnapshot"),
    of("xid", &[], C::Catalog, M::None, Image::Plain, "Xid"),
    of("xid8", &[], C::Catalog, M::None, Image::Plain, "Xid8"),
    of("cid", &[], C::Catalog, M::None, Image::Plain, "Cid"),
    of("tid", &[], C::Catalog, M::None, Image::Plain, "Tid"),
    of("oid", &[], C::Catalog, M::None, Image::Plain, "Oid"),
    of("regclass", &[], C::Catalog, M::None, Image::Plain, "RegClass"),
    of("regcollation", &[], C::Catalog, M::None, Image::Plain, "RegCollation"),
    of("regconfig", &[], C::Catalog, M::None, Image::Plain, "RegConfig"),
    of("regdictionary", &[], C::Catalog, M::None, Image::Plain, "RegDictionary"),
    of("regnamespace", &[], C::Catalog, M::None, Image::Plain, "RegNamespace"),
    of("regoper", &[], C::Catalog, M::None, Image::Plain, "RegOper"),
    of("regoperator", &[], C::Catalog, M::None, Image::Plain, "RegOperator"),
    of("regproc", &[], C::Catalog, M::None, Image::Plain, "RegProc"),
    of("regprocedure", &[], C::Catalog, M::None, Image::Plain, "RegProcedure"),
    of("regrole", &[], C::Catalog, M::None, Image::Plain, "RegRole"),
    of("regtype", &[], C::Catalog, M::None, Image::Plain, "RegType"),
    of("refcursor", &[], C::Catalog, M::None, Image::Text, "RefCursor"),
    of("aclitem", &[], C::Catalog, M::None, Image::Text, "AclItem"),
    of("int2vector", &[], C::Catalog, M::None, Image::Text, "Int2Vector"),
    of("oidvector", &[], C::Catalog, M::None, Image::Text, "OidVector"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_spelling_means_two_types() {
        let mut seen = std::collections::HashSet::new();
        for builtin in BUILTINS {
            for word in std::iter::once(&builtin.name).chain(builtin.aliases) {
                assert!(seen.insert(*word), "{word} stands twice");
            }
        }
    }
}
