//! Which plans fit together, and what is said of those that do not.

use super::*;
use crate::plan::{Outline, Stage, TableOutline};

/// A plan that replaces `old` by `new` in the table `t`.
fn plan(plan: &'static str, old: &'static str, new: &'static str) -> &'static Plan {
    staged(plan, Stage::DualWrite, old, new, &[])
}

/// The same at a stage, with columns that it reads.
fn staged(
    name: &'static str,
    stage: Stage,
    old: &'static str,
    new: &'static str,
    reads: &[&'static str],
) -> &'static Plan {
    let declaration = Box::leak(format!("plan {name}\n{old} => {new}").into_boxed_str());
    let table = TableOutline {
        schema: "public",
        name: "t",
        reads: Box::leak(reads.into()),
        changes: Box::leak(Box::new([(old, new)])),
    };
    let digest = crate::lock::digest(crate::lock::present_lines(declaration));
    let outline = Outline { name, stage, declaration, digest, tables: Box::leak(Box::new([table])) };
    Box::leak(Box::new(Plan::new(outline, "", Box::leak(Box::default()))))
}

fn message(plans: &[&'static Plan]) -> Option<String> {
    let plans: &'static [&'static Plan] = Box::leak(plans.to_vec().into_boxed_slice());
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = std::panic::catch_unwind(|| Migrations::new(plans));
    std::panic::set_hook(hook);
    result.err().and_then(|panic| panic.downcast_ref::<String>().cloned())
}

#[test]
fn plans_that_fit_together_are_taken() {
    assert_eq!(message(&[]), None);
    assert_eq!(message(&[plan("a", "x", "y"), plan("b", "y", "z")]), None, "a chain");
    assert_eq!(message(&[plan("a", "x", "y"), plan("b", "y", "x")]), None, "there and back");
    let and_again = [plan("a", "x", "y"), plan("b", "y", "x"), plan("c", "x", "z")];
    assert_eq!(message(&and_again), None, "a column that came back may be replaced");
    let round = [plan("a", "x", "y"), plan("b", "y", "z"), plan("c", "z", "x")];
    assert_eq!(message(&round), None, "there and back by a detour");
}

/// The first line of what is said.
fn refused(plans: &[&'static Plan]) -> String {
    let message = message(plans).expect("these plans contradict each other");
    message.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn plans_that_do_not_fit_together_are_refused() {
    assert_eq!(refused(&[plan("a", "x", "y"), plan("a", "u", "v")]), "two plans are named `a`");
    assert_eq!(refused(&[plan("a", "x", "y"), plan("a", "x", "y")]), "the plan `a` stands twice");
    assert_eq!(
        refused(&[plan("a", "x", "y"), plan("b", "x", "z")]),
        "the plans `a` and `b` both replace the column `x` of `public.t`"
    );
    assert_eq!(
        refused(&[plan("a", "x", "z"), plan("b", "y", "z")]),
        "the plans `a` and `b` both add the column `z` to `public.t`"
    );
    assert_eq!(
        refused(&[plan("b", "y", "z"), plan("a", "x", "y")]),
        "the plan `b` replaces the column `y` of `public.t` and must come after `a`, which adds it"
    );
}

#[test]
fn a_column_that_is_read_must_be_there_from_first_to_last() {
    use Stage::{Contract, DualWrite, Switch};
    let a = |stage| staged("a", stage, "x", "y", &[]);
    let reads = |stage, column| staged("b", stage, "u", "v", &[column]);
    assert_eq!(message(&[a(DualWrite), reads(DualWrite, "y")]), None, "the new column, after the plan that adds it");
    assert_eq!(message(&[a(Contract), reads(DualWrite, "y")]), None, "and for ever");
    assert_eq!(message(&[a(Switch), reads(DualWrite, "x")]), None, "the old column, while it is there");
    assert_eq!(message(&[reads(Contract, "x"), a(Contract)]), None, "the old column, until the reader has finished");
    let and_back = [a(Contract), staged("c", Contract, "y", "x", &[]), reads(DualWrite, "x")];
    assert_eq!(message(&and_back), None, "a column that came back");
    assert_eq!(
        refused(&[a(Contract), reads(DualWrite, "x")]),
        "the plan `b` reads the column `x` of `public.t`, which the plan `a` drops"
    );
    assert_eq!(
        refused(&[reads(Switch, "x"), a(Contract)]),
        "the plan `a` drops the column `x` of `public.t`, which the plan `b` still reads"
    );
    assert_eq!(
        refused(&[reads(DualWrite, "y"), a(DualWrite)]),
        "the plan `b` reads the column `y` of `public.t` and must come after `a`, which adds it"
    );
}

/// A lock file with these plans, in the module `shop`.
fn lock(plans: &[&'static Plan]) -> &'static [Locked] {
    let locked = |plan: &&'static Plan| Locked {
        module: "shop",
        name: plan.outline().name,
        key: Key::of_name(plan.as_ref()),
        stage: plan.outline().stage,
        digest: plan.outline().digest,
        declaration: plan.outline().declaration.split_once('\n').map_or("", |(_, body)| body),
    };
    plans.iter().map(locked).collect::<Vec<_>>().leak()
}

/// The keys of at most three plans.
fn keys(plans: &[&'static Plan]) -> Vec<Key> {
    match plans.len() {
        0 => Vec::new(),
        1 => Key::of_all::<1>(plans).to_vec(),
        2 => Key::of_all::<2>(plans).to_vec(),
        _ => Key::of_all::<3>(plans).to_vec(),
    }
}

#[test]
fn a_plan_is_alone_that_shares_neither_name_nor_table() {
    let alone = |plans: &[&'static Plan]| keys(plans).iter().map(|key| key.is_alone).collect::<Vec<_>>();
    let other = {
        let table = TableOutline { schema: "public", name: "u", reads: &[], changes: &[("x", "y")] };
        let outline = Outline {
            name: "other",
            stage: Stage::DualWrite,
            declaration: "",
            digest: 0,
            tables: Box::leak(Box::new([table])),
        };
        Box::leak(Box::new(Plan::new(outline, "", Box::leak(Box::default()))))
    };
    assert_eq!(alone(&[plan("a", "x", "y"), other]), [true, true]);
    assert_eq!(alone(&[plan("a", "x", "y"), other, plan("b", "u", "v")]), [false, true, false]);
    assert_eq!(alone(&[other, other]), [false, false]);
}

fn against(locked: &[&'static Plan], plans: &[&'static Plan], module: &str) -> String {
    let lock = lock(locked);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = std::panic::catch_unwind(|| {
        let keys = keys(plans);
        (0..plans.len()).for_each(|place| Migrations::check(plans, &keys, place, module, lock));
        Migrations::check_whole(plans, &keys, module, lock);
    });
    std::panic::set_hook(hook);
    match result {
        Ok(()) => "fine".to_owned(),
        Err(panic) => {
            panic.downcast_ref::<String>().and_then(|text| text.lines().next()).unwrap_or_default().to_owned()
        }
    }
}

#[test]
fn the_lock_file_is_kept_to() {
    use Stage::{Contract, DualWrite, Switch};
    let a = |stage| staged("a", stage, "x", "y", &[]);
    let b = |stage| staged("b", stage, "u", "v", &[]);
    for (before, after) in [(DualWrite, DualWrite), (DualWrite, Switch), (Switch, Contract), (Switch, DualWrite)] {
        assert_eq!(against(&[a(before)], &[a(after)], "shop"), "fine", "{before} to {after}");
    }
    assert_eq!(against(&[a(DualWrite)], &[a(DualWrite), b(DualWrite)], "shop"), "fine", "a new plan");
    assert_eq!(against(&[a(DualWrite), b(DualWrite)], &[b(DualWrite), a(DualWrite)], "shop"), "fine", "another order");
    assert_eq!(against(&[a(Contract)], &[b(DualWrite)], "shop"), "fine", "a finished plan may go");
    assert_eq!(against(&[], &[a(Contract)], "shop"), "fine", "nothing was locked yet");
    assert_eq!(against(&[a(DualWrite)], &[b(Contract)], "shop::tests"), "fine", "a set of its own");
    assert_eq!(against(&[a(DualWrite)], &[a(Contract)], "example"), "fine", "another crate");

    assert_eq!(against(&[a(DualWrite)], &[a(Contract)], "shop"), "the plan `a` skips the stage `switch`");
    assert_eq!(
        against(&[a(DualWrite)], &[a(DualWrite), b(Switch)], "shop"),
        "the plan `b` is new and starts at stage `switch`"
    );
    assert_eq!(against(&[a(Switch)], &[], "shop"), "the plan `a` is not finished and was removed");
    assert_eq!(
        against(&[a(Switch), b(Switch)], &[b(Switch)], "shop::moved"),
        "the plan `a` is not finished and was removed",
        "a set is known by its plans when it moves"
    );
    assert_eq!(
        against(&[a(DualWrite)], &[plan("c", "x", "y")], "shop"),
        "the plan `a` is released and was renamed to `c`"
    );
    assert_eq!(against(&[a(DualWrite)], &[plan("a", "x", "w")], "shop"), "the plan `a` is released and was edited");
}
