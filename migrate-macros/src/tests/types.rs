//! Every spelling of a type, and what PostgreSQL's `format_type` makes of it.

use migrate_plan::types::{BUILTINS, Base, Modifiers};

use super::{around, read};

/// What the type is printed as, or the first error.
fn printed(ty: &str) -> Result<String, String> {
    match read(&around(&format!("x: {ty} not null => y: {ty} not null;"))) {
        Ok(declaration) => {
            let change = &declaration.tables[0].changes[0];
            assert_eq!(change.old.ty, change.new.ty);
            Ok(change.new.ty.to_string())
        }
        Err(errors) => Err(errors[0].split_once(' ').map(|(_, message)| message.to_owned()).unwrap_or_default()),
    }
}

#[test]
fn every_built_in_type_and_alias_is_read() {
    for builtin in BUILTINS {
        for spelling in std::iter::once(&builtin.name).chain(builtin.aliases) {
            let expected = match builtin.name {
                "character" | "bit" => format!("{}(1)", builtin.name),
                name => name.to_owned(),
            };
            assert_eq!(printed(spelling), Ok(expected.clone()), "{spelling}");
            assert_eq!(printed(&format!("{spelling}[]")), Ok(format!("{expected}[]")), "{spelling}[]");
            if !spelling.contains('"') {
                assert_eq!(printed(&spelling.to_uppercase()), Ok(expected), "{spelling} in capitals");
            }
        }
    }
}

#[test]
fn types_are_printed_as_format_type_prints_them() {
    for (written, expected) in [
        ("numeric(12)", "numeric(12,0)"),
        ("decimal(12, 2)", "numeric(12,2)"),
        ("numeric(3, -2)", "numeric(3,-2)"),
        ("varchar(20)", "character varying(20)"),
        ("national character varying(3)", "character varying(3)"),
        ("char varying(3)[]", "character varying(3)[]"),
        ("char(3)", "character(3)"),
        ("bpchar(3)", "character(3)"),
        ("bit(4)", "bit(4)"),
        ("bit varying(5)", "bit varying(5)"),
        ("varbit(5)", "bit varying(5)"),
        ("float", "double precision"),
        ("float(24)", "real"),
        ("float(25)", "double precision"),
        ("time(3)", "time(3) without time zone"),
        ("time(0) without time zone", "time(0) without time zone"),
        ("time with time zone", "time with time zone"),
        ("timestamp(3) with time zone", "timestamp(3) with time zone"),
        ("timestamptz(6)", "timestamp(6) with time zone"),
        ("timestamptz(3)[]", "timestamp(3) with time zone[]"),
        ("timetz(2)", "time(2) with time zone"),
        ("interval(3)", "interval(3)"),
        ("interval year", "interval year"),
        ("interval year to month", "interval year to month"),
        ("interval day to second(3)", "interval day to second(3)"),
        ("interval second(0)", "interval second(0)"),
        ("interval hour to minute", "interval hour to minute"),
        ("integer array", "integer[]"),
        ("integer array[4]", "integer[]"),
        ("text[][]", "text[]"),
        ("integer[3]", "integer[]"),
        ("\"char\"", "\"char\""),
        ("pg_catalog.int4", "integer"),
        ("pg_catalog.\"char\"", "\"char\""),
        ("pg_catalog.char", "\"char\""),
        ("pg_catalog.timestamptz(3)", "timestamp(3) with time zone"),
        ("app.status", "app.status"),
        ("app.Status[]", "app.\"Status\"[]"),
        ("\"my app\".\"my status\"", "\"my app\".\"my status\""),
        ("public.geometry(Point, 4326)", "public.geometry(Point,4326)"),
        ("app.r#type", "app.type"),
    ] {
        assert_eq!(printed(written), Ok(expected.to_owned()), "{written}");
    }
}

#[test]
fn every_type_that_takes_a_length_has_its_range() {
    for builtin in BUILTINS {
        let takes_nothing = builtin.modifiers == Modifiers::None && builtin.name != "bpchar";
        let written = match builtin.name.split_once(' ') {
            Some((first, rest)) if builtin.modifiers == Modifiers::Precision => format!("{first}(1) {rest}"),
            _ => format!("{}(1)", builtin.name),
        };
        assert_eq!(printed(&written).is_err(), takes_nothing, "{written}: {:?}", printed(&written));
    }
    for (ty, range) in [
        ("numeric(0)", "from 1 to 1000"),
        ("numeric(1001, 2)", "from 1 to 1000"),
        ("numeric(10, 1001)", "from -1000 to 1000"),
        ("varchar(0)", "from 1 to 10485760"),
        ("char(10485761)", "from 1 to 10485760"),
        ("bit(0)", "from 1 to 83886080"),
        ("timestamp(7)", "from 0 to 6"),
        ("timetz(7)", "from 0 to 6"),
        ("interval(7)", "from 0 to 6"),
        ("float(54)", "from 1 to 53"),
    ] {
        let message = printed(ty).expect_err(ty);
        assert!(message.contains(range), "{ty}: {message}");
    }
}

#[test]
fn user_types_have_a_schema() {
    let declaration = read(&around("x: app.status not null => y: app.status not null;")).expect("a plan");
    let base = &declaration.tables[0].changes[0].new.ty.base;
    assert_eq!(*base, Base::User { schema: "app".to_owned(), name: "status".to_owned() });
    assert_eq!(printed("status"), Err("PostgreSQL has no type `status`".to_owned()));
}
