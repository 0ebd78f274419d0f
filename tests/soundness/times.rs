//! Ranges of dates and times that a plan bounds, against what the server computes.

use fastrand::Rng;
use migrate_plan::declaration::{Bound, Column, Measure, Name};
use migrate_plan::expr::{Expr, Function, Kind, Operator};
use migrate_plan::range::{self, Decimal, Extent, declared};
use migrate_plan::types::Type;

use crate::server;

fn node(kind: Kind<()>) -> Expr<()> {
    Expr { span: (), kind }
}

fn text(text: &str) -> Expr<()> {
    node(Kind::Text(text.to_owned()))
}

fn column(name: &str) -> Expr<()> {
    node(Kind::Column(name.to_owned()))
}

fn binary(a: Expr<()>, symbol: &str, b: Expr<()>) -> Expr<()> {
    node(Kind::Binary(Box::new(a), Operator::Symbol(symbol.to_owned()), Box::new(b)))
}

fn extract(field: &str, of: Expr<()>) -> Expr<()> {
    node(Kind::Extract(field.to_owned(), Box::new(of)))
}

fn cast(of: Expr<()>, to: &str) -> Expr<()> {
    node(Kind::Cast(Box::new(of), Type::named(to)))
}

fn zone(of: Expr<()>, zone: &str) -> Expr<()> {
    node(Kind::AtTimeZone(Box::new(of), Box::new(text(zone))))
}

/// A column that is not null and lies between two constants.
fn bounded(name: &str, ty: &str, low: Expr<()>, high: Expr<()>) -> Column<()> {
    Column {
        name: Name { text: name.to_owned(), span: () },
        ty: Type::named(ty),
        ty_span: (),
        not_null: true,
        default: None,
        bound: Some(Bound { span: (), measure: Measure::Value, low, high }),
    }
}

fn columns() -> Vec<Column<()>> {
    let number = |digits: &str| node(Kind::Number(digits.to_owned()));
    let stamp = "timestamp without time zone";
    vec![
        bounded("d", "date", text("1999-12-31"), text("2020-02-29")),
        bounded("e", "date", text("0001-01-01"), text("2030-01-01")),
        bounded("at", stamp, text("1969-12-31 23:00:00"), text("2037-06-30 12:00:00")),
        bounded("utc", "timestamp with time zone", text("2000-01-01 00:00:00Z"), text("2001-01-01 00:00:00Z")),
        bounded("t", "time without time zone", text("08:00:00"), text("17:30:00")),
        bounded("n", "integer", number("0"), number("4000")),
    ]
}

fn expressions() -> Vec<Expr<()>> {
    let moved = || binary(column("d"), "+", column("n"));
    let epoch = |of: Expr<()>| extract("epoch", of);
    let condition = binary(column("n"), ">", node(Kind::Number("7".to_owned())));
    vec![
        epoch(column("d")),
        epoch(column("e")),
        epoch(column("at")),
        epoch(column("t")),
        epoch(moved()),
        epoch(binary(column("n"), "+", column("d"))),
        epoch(binary(column("e"), "-", column("n"))),
        epoch(binary(column("d"), "+", column("t"))),
        epoch(cast(moved(), "timestamp without time zone")),
        epoch(cast(column("at"), "date")),
        epoch(zone(zone(column("at"), "UTC"), "UTC")),
        epoch(zone(column("utc"), "Asia/Tokyo")),
        epoch(zone(column("utc"), "America/Los_Angeles")),
        binary(column("d"), "-", column("e")),
        binary(moved(), "-", cast(column("at"), "date")),
        binary(cast(column("at"), "date"), "-", node(Kind::Typed(Type::named("date"), "1970-01-01".to_owned()))),
        extract("year", column("d")),
        extract("year", binary(column("e"), "-", column("n"))),
        extract("year", column("at")),
        epoch(node(Kind::Case {
            operand: None,
            arms: vec![(condition, column("d"))],
            otherwise: Some(Box::new(column("e"))),
        })),
        node(Kind::Call(Function { schema: None, name: "abs".to_owned() }, vec![epoch(column("at"))])),
    ]
}

#[test]
fn every_moment_lies_between_what_its_bounds_make_of_it() {
    let columns = columns();
    let (_database, mut client) = server::fresh();
    let declared_as: Vec<String> =
        columns.iter().map(|column| format!("{} {} NOT NULL", column.name.text, column.ty)).collect();
    server::run(&mut client, &format!("CREATE TABLE given ({})", declared_as.join(", ")));
    let mut rng = Rng::with_seed(server::seed());
    for row in 0..60 * crate::scale() {
        // The ends first, then anything between.
        let share = |rng: &mut Rng| if row < 2 { row as f64 } else { rng.f64() };
        let values = format!(
            "INSERT INTO given SELECT '1999-12-31'::date + ({} * ('2020-02-29'::date - '1999-12-31'::date))::integer, \
                    '0001-01-01'::date + ({} * ('2030-01-01'::date - '0001-01-01'::date))::integer, \
                    '1969-12-31 23:00:00'::timestamp + {} * ('2037-06-30 12:00:00'::timestamp - '1969-12-31 23:00:00'), \
                    '2000-01-01 00:00:00Z'::timestamptz + {} * interval '366 days', \
                    '08:00:00'::time + {} * interval '9 hours 30 minutes', ({} * 4000)::integer",
            share(&mut rng),
            share(&mut rng),
            share(&mut rng),
            share(&mut rng),
            share(&mut rng),
            share(&mut rng)
        );
        server::run(&mut client, &values);
    }
    let lookup = |name: &str| {
        let column = columns.iter().find(|column| column.name.text == name)?;
        Some((column.ty.clone(), declared(column)))
    };
    for expr in expressions() {
        let (extent, findings) = range::of(&expr, &range::typed(&expr, &lookup), &lookup, &[]);
        assert!(findings.is_empty(), "{expr}");
        let Extent::Number(interval) = extent else { panic!("{expr}: nothing is known of it") };
        let values = server::rows(&mut client, &format!("SELECT ({expr})::numeric::text FROM given")).expect("values");
        for value in values.into_iter().flatten().flatten() {
            let number = Decimal::parse(&value).expect("a number");
            assert!(interval.has(number), "{expr} is {value}, and was said to lie in {interval:?}");
        }
    }
}
