//! The file's form: what is read is what was written, and what is no lock file is said by its line.

use super::{Lock, LockedPlan, edit};
use crate::plan::Stage;

fn plan(name: &str, module: &str, lines: &[&str]) -> LockedPlan {
    let declaration = lines.iter().map(|line| (*line).to_owned()).collect();
    LockedPlan { name: name.to_owned(), module: module.to_owned(), stage: Stage::Switch, declaration }
}

fn lock() -> Lock {
    let plans = vec![
        plan("a", "shop", &["table \"public\".\"t\"", "x integer => y bigint"]),
        plan("b", "", &["table \"public\".\"t\"", "u text => v text", "up 'it''s # no comment'"]),
        plan("b", "shop::billing", &["table \"public\".\"Größe\"", "# => z"]),
    ];
    Lock { plans }
}

#[test]
fn what_is_read_is_what_was_written() {
    let mut lock = lock();
    // A line that begins with `#` is a comment, and no declaration has one: names stand in quotes there.
    lock.plans[2].declaration.pop();
    let text = lock.to_string();
    assert_eq!(Lock::parse(&text), Ok(lock.clone()), "{text}");
    let edited = format!("\u{feff}# ours\r\n{}", text.replace('\n', "\t \r\n").replace("\n  ", "\n\t# why\n \t"));
    assert_eq!(Lock::parse(&edited), Ok(lock.clone()), "{edited}");
    assert_eq!(Lock::parse(&lock.to_string()).map(|lock| lock.to_string()), Ok(text), "the order is stable");
}

#[test]
fn the_order_of_blocks_means_nothing() {
    let text = lock().to_string();
    let (head, blocks) = text.split_once("\nplan ").expect("a plan");
    let mut blocks: Vec<&str> = blocks.split("\nplan ").collect();
    blocks.reverse();
    let turned = format!("{head}\nplan {}", blocks.join("\nplan "));
    assert_ne!(turned, text);
    assert_eq!(Lock::parse(&turned), Lock::parse(&text));
}

#[test]
fn what_is_no_lock_file_is_said_by_its_line() {
    let damage = |text: &str| Lock::parse(text).expect_err("this is no lock file").to_string();
    let block = "plan a\nin shop\nstage switch\n  table t\n";
    assert_eq!(damage(""), "line 1: the file ends before `version 1`");
    assert_eq!(damage("# only\n\n"), "line 2: the file ends before `version 1`");
    assert_eq!(damage("plan a"), "line 1: expected `version 1`: `plan a`");
    assert_eq!(damage("version 2\n"), "line 1: this format is of another version of `migrate`: `version 2`");
    assert_eq!(damage("version 1\n  table t\n"), "line 2: this line stands in no plan: `table t`");
    assert_eq!(damage("version 1\nstage switch\n"), "line 2: a lock file has no such line: `stage switch`");
    assert_eq!(damage("version 1\nplan a\nstage sometime\n"), "line 3: there is no such stage: `stage sometime`");
    assert_eq!(damage("version 1\nplan a\n  table t\n"), "line 2: this plan has no stage: `plan a`");
    assert_eq!(damage("version 1\nplan a\nstage switch\n"), "line 2: this plan has no declaration: `plan a`");
    assert_eq!(
        damage("version 1\nplan a\nstage switch\nstage contract\n"),
        "line 4: a lock file has no such line: `stage contract`"
    );
    assert_eq!(damage(&format!("version 1\n{block}{block}")), "line 6: this plan stands twice: `plan a`");
    for mark in ["<<<<<<< HEAD", "=======", ">>>>>>> theirs", "||||||| base"] {
        let said = damage(&format!("version 1\n{mark}\n{block}"));
        assert_eq!(said, format!("line 2: a merge has left its mark: `{mark}`"));
    }
    let twice = format!("version 1\n{block}{}", block.replace("in shop", "in shop::billing"));
    assert!(Lock::parse(&twice).is_ok(), "two sets may each have a plan of one name");
}

#[test]
fn a_line_that_came_or_went_is_told_from_one_that_was_rewritten() {
    let locked = plan("p", "", &["table t", "a", "b", "c"]);
    let difference = |lines: &str| {
        let edit = edit(&locked, &format!("plan p\n{lines}"))?;
        Some((edit.place, edit.locked.unwrap_or_default(), edit.present.unwrap_or_default()))
    };
    let said = |place: usize, locked: &str, present: &str| Some((place, locked.to_owned(), present.to_owned()));
    assert_eq!(difference("  table t\n\n a\n\tb \r\n c"), None);
    assert_eq!(difference("table t\na\nx\nc"), said(2, "b", "x"), "rewritten");
    assert_eq!(difference("table t\na\nx\nb\nc"), said(2, "", "x"), "came");
    assert_eq!(difference("table t\na\nc"), said(2, "b", ""), "went");
    assert_eq!(difference("table t\na\nb\nc\nd"), said(4, "", "d"), "came last");
    assert_eq!(difference("table t\na\nb"), said(3, "c", ""), "went last");
    assert_eq!(difference("table t\nb\na\nc"), said(1, "a", "b"), "changed places");
}
