//! What does not come back is said, and nothing else is.

use super::Problem;
use crate::conversion::trip::{Broken, Trip, follow};
use crate::declaration::{Change, Table};
use crate::expr::{Expr, Kind};
use crate::range::Decimal;
use crate::types::{Base, Type};

/// `lossy` stands where a value does not come back, or cannot be shown to, and only there.
pub(super) fn lossy_or_not<S: Clone>(table: &Table<S>, change: &Change<S>, problems: &mut Vec<Problem<S>>) {
    // Of a conversion or a type that could not be read nothing follows.
    let conversions = [&change.up, &change.down];
    let reads = |name: &str| conversions.into_iter().flatten().any(|expr| expr.columns().contains(&name));
    let untyped = table.context.iter().any(|column| is_unknown(&column.ty) && reads(&column.name.text));
    if untyped || conversions.into_iter().flatten().any(is_unread) {
        return;
    }
    match (follow(change), &change.lossy) {
        (Trip::Shown, None) | (Trip::Broken(_) | Trip::Open, Some(_)) => {}
        (Trip::Shown, Some(lossy)) => {
            let (old, new) = (&change.old.name.text, &change.new.name.text);
            problems.push(
                Problem::new(
                    lossy.span.clone(),
                    format!("nothing is lost: every value of `{old}` comes back from `{new}`"),
                )
                .note("a word that stands everywhere warns of nothing")
                .help("leave `lossy` out"),
            );
        }
        (Trip::Broken(broken), None) => problems.push(does_not_come_back(change, &broken)),
        (Trip::Open, None) => problems.push(not_shown(change)),
    }
}

fn is_unread<S>(expr: &Expr<S>) -> bool {
    matches!(&expr.kind, Kind::Call(function, _) if function.schema.as_deref() == Some(""))
}

fn is_unknown(ty: &Type) -> bool {
    matches!(&ty.base, Base::User { schema, .. } if schema.is_empty())
}

/// On the conversion that loses it, or on the type where none is written.
fn span<S: Clone>(change: &Change<S>) -> S {
    change.up.as_ref().map_or_else(|| change.new.ty_span.clone(), |up| up.span.clone())
}

fn does_not_come_back<S: Clone>(change: &Change<S>, broken: &Broken) -> Problem<S> {
    let old = &change.old.name.text;
    let under = broken.under.as_ref().map_or(String::new(), |under| format!(" where {under}"));
    let made = if broken.up.is_empty() { String::new() } else { format!(" becomes {}{under}, and", broken.up) };
    let back = match &broken.back {
        Some(back) => format!("comes back as {back}"),
        None => "does not come back at all: `down` raises an error".to_owned(),
    };
    let message = format!("not every value of `{old}` comes back: {}{made} {back}", broken.value);
    let why = "old code reads what `down` makes as soon as new code has written the row, and after a revert";
    let same_number = Decimal::parse(&broken.value).zip(broken.back.as_deref().and_then(Decimal::parse));
    let note = match &broken.what {
        Some(what) => format!("{what}; {why}"),
        None if same_number.is_some_and(|(a, b)| a == b) => {
            format!("a `numeric` without a scale shows the digits that were written, and readers see them; {why}")
        }
        None => why.to_owned(),
    };
    let mend = match change.up.is_some() {
        true => "mend `up` or `down`, or say that it is well and why",
        false => "choose a type that holds it, or say that it is well and why",
    };
    Problem::new(span(change), message).note(note).help(format!("{mend}: {}", word(change)))
}

fn not_shown<S: Clone>(change: &Change<S>) -> Problem<S> {
    let (old, new) = (&change.old.name.text, &change.new.name.text);
    Problem::new(span(change), format!("it cannot be shown that every value of `{old}` comes back from `{new}`"))
        .note(
            "copies, casts that lose nothing, arithmetic with constants on whole numbers and `numeric(p, s)`, constant \
             texts around the value, `case` over constants and `nullif` with `coalesce` are followed; no value was found \
             that is lost",
        )
        .help(format!("write both ways so that they undo each other in such steps, or say what may be lost: {}", word(change)))
}

/// Where the word is written.
fn word<S>(change: &Change<S>) -> String {
    match change.up.is_some() {
        true => "`lossy \"…\";` beside `up` and `down`".to_owned(),
        false => "`{ lossy \"…\"; }` in place of the semicolon".to_owned(),
    }
}
