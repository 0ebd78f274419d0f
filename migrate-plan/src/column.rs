//! Columns as a plan's module names them, with a Rust type for their SQL type.

use std::fmt;
use std::marker::PhantomData;

use crate::ident::quote;

/// A column of one side of a plan. `T` stands for its SQL type: see [`types`].
///
/// It is a name and nothing more: it reads and writes nothing. `Display` quotes it, so that SQL can
/// be built with it.
pub struct Column<T> {
    schema: &'static str,
    table: &'static str,
    name: &'static str,
    sql_type: &'static str,
    ty: PhantomData<fn() -> T>,
}

impl<T: types::SqlType> Column<T> {
    /// For the code that `plan!` makes.
    #[doc(hidden)]
    pub const fn new(
        schema: &'static str,
        table: &'static str,
        name: &'static str,
        sql_type: &'static str,
    ) -> Column<T> {
        Column { schema, table, name, sql_type, ty: PhantomData }
    }
}

impl<T> Column<T> {
    /// The column's name, not quoted.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The name of its table, not quoted.
    pub const fn table(&self) -> &'static str {
        self.table
    }

    /// The schema of its table, not quoted.
    pub const fn schema(&self) -> &'static str {
        self.schema
    }

    /// Its type, as PostgreSQL prints it.
    pub const fn sql_type(&self) -> &'static str {
        self.sql_type
    }
}

impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Column<T> {}

impl<T> fmt::Debug for Column<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{} {}", quote(self.schema), quote(self.table), quote(self.name), self.sql_type)
    }
}

/// The quoted name: `"total_cents"`.
impl<T> fmt::Display for Column<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&quote(self.name))
    }
}

/// Rust types that stand for SQL types. They have no values.
pub mod types {
    use std::marker::PhantomData;

    mod sealed {
        pub trait Sealed {}
    }

    /// A Rust type that stands for an SQL type.
    pub trait SqlType: sealed::Sealed {}

    /// A column that may be null.
    pub struct Nullable<T>(PhantomData<fn() -> T>);

    /// An array.
    pub struct Array<T>(PhantomData<fn() -> T>);

    impl<T: SqlType> sealed::Sealed for Nullable<T> {}
    impl<T: SqlType> SqlType for Nullable<T> {}
    impl<T: SqlType> sealed::Sealed for Array<T> {}
    impl<T: SqlType> SqlType for Array<T> {}

    macro_rules! markers {
        ($($marker:ident = $sql:literal;)*) => {
            $(
                #[doc = concat!("`", $sql, "`")]
                pub enum $marker {}
                impl sealed::Sealed for $marker {}
                impl SqlType for $marker {}
            )*

            #[cfg(test)]
            pub(super) const MARKERS: &[(&str, &str)] = &[$((stringify!($marker), $sql)),*];
        };
    }

    markers! {
        UserType = "an enum, domain, composite or extension type";
        SmallInt = "smallint";
        Integer = "integer";
        BigInt = "bigint";
        Numeric = "numeric";
        Real = "real";
        DoublePrecision = "double precision";
        Money = "money";
        Boolean = "boolean";
        Text = "text";
        VarChar = "character varying";
        Char = "character";
        SingleByteChar = "\"char\"";
        Name = "name";
        Bytea = "bytea";
        Uuid = "uuid";
        Json = "json";
        Jsonb = "jsonb";
        JsonPath = "jsonpath";
        Xml = "xml";
        Date = "date";
        Time = "time without time zone";
        TimeTz = "time with time zone";
        Timestamp = "timestamp without time zone";
        TimestampTz = "timestamp with time zone";
        Interval = "interval";
        Bit = "bit";
        VarBit = "bit varying";
        Inet = "inet";
        Cidr = "cidr";
        MacAddr = "macaddr";
        MacAddr8 = "macaddr8";
        Point = "point";
        Line = "line";
        LineSegment = "lseg";
        Box2d = "box";
        Path = "path";
        Polygon = "polygon";
        Circle = "circle";
        Int4Range = "int4range";
        Int8Range = "int8range";
        NumRange = "numrange";
        TsRange = "tsrange";
        TsTzRange = "tstzrange";
        DateRange = "daterange";
        Int4Multirange = "int4multirange";
        Int8Multirange = "int8multirange";
        NumMultirange = "nummultirange";
        TsMultirange = "tsmultirange";
        TsTzMultirange = "tstzmultirange";
        DateMultirange = "datemultirange";
        TsVector = "tsvector";
        TsQuery = "tsquery";
        PgLsn = "pg_lsn";
        PgSnapshot = "pg_snapshot";
        TxidSnapshot = "txid_snapshot";
        Xid = "xid";
        Xid8 = "xid8";
        Cid = "cid";
        Tid = "tid";
        Oid = "oid";
        RegClass = "regclass";
        RegCollation = "regcollation";
        RegConfig = "regconfig";
        RegDictionary = "regdictionary";
        RegNamespace = "regnamespace";
        RegOper = "regoper";
        RegOperator = "regoperator";
        RegProc = "regproc";
        RegProcedure = "regprocedure";
        RegRole = "regrole";
        RegType = "regtype";
        RefCursor = "refcursor";
        AclItem = "aclitem";
        Int2Vector = "int2vector";
        OidVector = "oidvector";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BUILTINS;

    #[test]
    fn every_built_in_type_has_its_marker() {
        for builtin in BUILTINS {
            let found = types::MARKERS.iter().find(|(marker, _)| *marker == builtin.marker);
            let (_, sql) = found.unwrap_or_else(|| panic!("{} has no marker {}", builtin.name, builtin.marker));
            assert!(*sql == builtin.name || builtin.name == "bpchar", "{} is documented as {sql}", builtin.name);
        }
    }

    #[test]
    fn a_column_prints_quoted() {
        const TOTAL: Column<types::Numeric> = Column::new("app", "orders", "To\"tal", "numeric(12,2)");
        let copy = TOTAL;
        assert_eq!(TOTAL.to_string(), "\"To\"\"tal\"");
        assert_eq!(
            (copy.schema(), copy.table(), copy.name(), copy.sql_type()),
            ("app", "orders", "To\"tal", "numeric(12,2)")
        );
    }
}
