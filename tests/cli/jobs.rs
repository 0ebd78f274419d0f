//! `pause`, `resume`, `limit` and `verify`.

use crate::program::Program;

#[test]
fn jobs_stand_still_from_pause_to_resume_and_the_report_says_who_and_why() {
    let shop = Program::new();
    let said = shop.run(&["pause"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error.contains("no plan has started in this database"), "{said:?}");
    let _ = shop.ask(&["up"]);
    let said = shop.run(&["pause", "orders_number", "--by", "ben", "--why", "a sale is on", "--for", "2h"]);
    assert_eq!((said.code, said.out.as_str()), (0, "orders_number: jobs paused for 2h\n"));
    let said = shop.at("switch", &["up", "--json"]);
    assert_eq!(said.code, 1, "{said:?}");
    let closed = &said.json()["plans"][0]["closed"][0];
    assert_eq!((&closed["gate"], &closed["evidence"]["by"]), (&"paused".into(), &"ben".into()));
    let said = shop.run(&["status"]);
    assert!(
        said.out.contains("note    its jobs are paused by ben for ") && said.out.contains("(a sale is on)"),
        "{said:?}"
    );

    let said = shop.run(&["resume"]);
    assert_eq!((said.code, said.out.as_str()), (0, "all plans: there was no pause\n"));
    let said = shop.run(&["resume", "orders_number"]);
    assert_eq!((said.code, said.out.as_str()), (0, "orders_number: jobs resumed\n"));
    assert_eq!(shop.at("switch", &["up"]).code, 0);
    let said = shop.run(&["history"]);
    assert!(said.out.contains("  jobs paused for 7200 s by ben (role "), "{said:?}");
}

#[test]
fn a_limit_is_shown_until_it_is_taken_back() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    let said = shop.run(&["limit", "--duty", "25%", "--workers", "1", "--replica-lag", "off"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(
        said.out,
        "all plans: jobs keep to 25 % of the time, 1 worker, any replica lag until that is taken back\n"
    );
    let answer = shop.ask(&["limit", "orders_number", "--rate", "5000", "--for", "30m"]);
    assert_eq!((&answer["rows_per_second"], &answer["seconds"]), (&5000.0.into(), &1800.into()));
    let said = shop.run(&["status"]);
    assert!(
        said.out
            .contains("note    an operator allows its jobs 25 % of the time, 5000 rows/s, 1 worker, any replica lag"),
        "{said:?}"
    );
    assert_eq!(shop.at("switch", &["up"]).code, 0, "a limit closes nothing");
    for words in [&["limit", "--off"][..], &["limit", "orders_number", "--off"]] {
        assert_eq!(shop.run(words).code, 0);
    }
    assert!(!shop.run(&["status"]).out.contains("an operator allows"));
}

#[test]
fn a_limit_that_means_nothing_is_refused_with_the_way_out() {
    let shop = Program::new();
    let _ = shop.ask(&["up"]);
    for (words, why) in [
        (&["limit"][..], "say one of `--duty`, `--rate`, `--workers`, `--replica-lag`, or `--off`"),
        (&["limit", "--duty", "0"], "to stand still is `pause`"),
        (&["limit", "--duty", "150%"], "above 0 and at most 1"),
        (&["limit", "--workers", "0"], "there is at least one worker"),
        (&["limit", "--duty", "much"], "it is written `25%` or `0.25`"),
        (&["limit", "--duty", "1", "--for", "soon"], "invalid value 'soon'"),
        (&["pause", "orders_nomber"], "orders_nomber"),
    ] {
        let said = shop.run(words);
        assert!(said.code != 0 && said.error.contains(why), "{words:?}: {said:?}");
    }
}

#[test]
fn both_sides_are_compared_when_somebody_asks() {
    let shop = Program::new();
    let said = shop.run(&["verify", "orders_number"]);
    assert_eq!(said.code, 2, "{said:?}");
    let _ = shop.ask(&["up"]);
    let answer = shop.ask(&["verify", "orders_number"]);
    assert_eq!(answer["agree"], true, "{answer}");
    let said = shop.run(&["verify", "orders_number"]);
    assert!(said.code == 0 && said.out.contains("rows agree"), "{said:?}");
    assert_eq!(shop.at("contract", &["up", "--soak", "0"]).code, 0);
    let said = shop.run(&["verify", "orders_number"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.error.contains("cannot be verified: it is finished"), "{said:?}");
}
