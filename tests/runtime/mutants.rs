//! The tests of the sync are worth what they catch: every condition of its function is forced to true
//! and to false, every statement is left out, and the exhaustive test must see it.
//!
//! A line that one configuration cannot reach is reached in another: a mutant is the same line under
//! the same arms, whatever the columns are called, and it must be seen somewhere.

use std::collections::BTreeMap;

use crate::configs::{self, Config};
use crate::exhaustive::{Bench, Form};

/// One change of the function's body.
struct Mutant {
    /// The arms it stands under and what was changed, without the names of one configuration.
    what: String,
    body: String,
}

/// Each condition forced to true and to false, each statement left out.
fn mutants(config: &Config, form: Form, body: &str) -> Vec<Mutant> {
    let lines: Vec<&str> = body.lines().collect();
    let mut arms: Vec<String> = Vec::new();
    let mut mutants = Vec::new();
    for (place, line) in lines.iter().enumerate() {
        let plain = said(config, line.trim());
        let text = plain.as_str();
        if text == "END IF;" {
            arms.pop();
        }
        let above = arms.join(" / ");
        let mut replace = |by: String| {
            let mut changed: Vec<&str> = lines.clone();
            changed[place] = &by;
            let what = format!("{form}: {above} / {text}  ->  {by}");
            mutants.push(Mutant { what, body: changed.join("\n") + "\n" });
        };
        let condition = text.starts_with("IF ") || text.starts_with("ELSIF ");
        let declared = text.contains(" boolean := ");
        if condition && !text.contains("TG_OP") {
            let word = if text.starts_with("IF ") { "IF" } else { "ELSIF" };
            replace(format!("{word} true THEN"));
            replace(format!("{word} false THEN"));
        } else if (text.contains(" := ") && text.ends_with(';') && !declared) || text.starts_with("PERFORM ") {
            replace("NULL;".to_owned());
        }
        if text.starts_with("IF ") {
            arms.push(text.to_owned());
        } else if (text.starts_with("ELSIF ") || text == "ELSE")
            && let Some(last) = arms.last_mut()
        {
            *last = text.to_owned();
        }
    }
    mutants
}

/// A line in the words of DESIGN: O, N, up, down, and what is compared.
fn said(config: &Config, line: &str) -> String {
    let lens = &(config.plan)().tables[0].lenses[0];
    let quoted = |row: &str, column: &str| format!("{row}.\"{column}\"");
    let (old, new) = (lens.old.image, lens.new.image);
    let (o, n) = (|row| quoted(row, &lens.old.column), |row| quoted(row, &lens.new.column));
    let mut words = vec![
        (old.differ(&o("OLD"), &o("NEW")), "O changed".to_owned()),
        (new.differ(&n("OLD"), &n("NEW")), "N changed".to_owned()),
    ];
    for row in ["OLD", "NEW"] {
        words.push((new.same(&n(row), "up_value"), format!("{row} N ≐ up")));
        words.push((old.same(&o(row), "down_value"), format!("{row} O ≐ down")));
    }
    words.push(("(NOT up_failed AND NEW N ≐ up)".to_owned(), "NEW N ≐ up".to_owned()));
    words.push(("(NOT up_failed AND OLD N ≐ up)".to_owned(), "OLD N ≐ up".to_owned()));
    words.push(("(NOT down_failed AND NEW O ≐ down)".to_owned(), "NEW O ≐ down".to_owned()));
    words.push(("(NOT down_failed AND OLD O ≐ down)".to_owned(), "OLD O ≐ down".to_owned()));
    for (column, image) in lens.context.iter().map(|column| (&column.column, column.image)) {
        words.push((image.differ(&quoted("OLD", column), &quoted("NEW", column)), "C changed".to_owned()));
    }
    if let Some(default) = &lens.old.default {
        words.push((old.same(&o("NEW"), &format!("({default})::{}", lens.old.ty)), "O is its default".to_owned()));
    }
    for row in ["OLD", "NEW"] {
        words.push((o(row), format!("{row} O")));
        words.push((n(row), format!("{row} N")));
    }
    words.push((lens.old.column.to_string(), "O".to_owned()));
    words.push((lens.new.column.to_string(), "N".to_owned()));
    let mut text = line.to_owned();
    for (sql, word) in words {
        text = text.replace(&sql, &word);
    }
    for way in ["up", "down"] {
        while let Some(from) = text.find(&format!("\"migrate\".\"item_change_1_{way}\"(")) {
            let to = text[from..].find(')').map_or(text.len(), |length| from + length + 1);
            let row = if text[from..to].contains("OLD") { "OLD" } else { "NEW" };
            text.replace_range(from..to, &format!("{way} of {row}"));
        }
    }
    // A default of the new column is a constant of its configuration.
    if text.starts_with("NEW N := ") && !text.contains("up") { "NEW N := default;".to_owned() } else { text }
}

/// The condition of the update trigger, without one of its parts at a time.
#[test]
fn taking_out_any_part_of_the_condition_is_seen() {
    let mut seen: BTreeMap<&str, bool> = BTreeMap::new();
    for config in configs::all() {
        let mut bench = Bench::new(config);
        let lens = &(bench.config.plan)().tables[0].lenses[0];
        let (o, n) = (&lens.old.column, &lens.new.column);
        let changed = |image: migrate_plan::types::Image, column: &str| {
            image.differ(&format!("OLD.\"{column}\""), &format!("NEW.\"{column}\""))
        };
        let parts = [
            ("O changed", Some(changed(lens.old.image, o))),
            ("N changed", Some(changed(lens.new.image, n))),
            ("C changed", lens.context.first().map(|column| changed(column.image, &column.column))),
            ("N is not filled", Some(format!("NEW.\"{n}\" IS NULL"))),
        ];
        let bodies = bench.bodies();
        for (what, _) in parts.iter().filter(|(_, sql)| sql.is_some()) {
            let kept = parts.iter().filter(|(other, _)| other != what).filter_map(|(_, sql)| sql.clone());
            bench.fire_when(&kept.collect::<Vec<_>>().join(" OR "));
            for (form, body) in &bodies {
                bench.install(body);
                *seen.entry(what).or_default() |= bench.try_all(*form).is_err();
            }
        }
    }
    assert!(seen.len() == 4 && seen.values().all(|seen| *seen), "{seen:?}");
}

#[test]
fn taking_out_any_arm_of_the_trigger_is_seen() {
    let mut seen: BTreeMap<String, bool> = BTreeMap::new();
    let mut tried = 0;
    for config in configs::all() {
        let mut bench = Bench::new(config);
        bench.fire_always();
        for (form, body) in bench.bodies() {
            for mutant in mutants(&bench.config, form, &body) {
                let known = seen.entry(mutant.what).or_default();
                if *known {
                    continue;
                }
                tried += 1;
                bench.install(&mutant.body);
                *known = bench.try_all(form).is_err();
            }
        }
    }
    let survivors: Vec<&str> = seen.iter().filter(|(_, seen)| !**seen).map(|(what, _)| what.as_str()).collect();
    println!("{} mutants, {tried} trials, {} survive", seen.len(), survivors.len());
    assert!(survivors.is_empty(), "not seen anywhere:\n{}", survivors.join("\n"));
}
