//! Several errors in one run, each at its token.

use super::read;

fn errors(plan: &str) -> Vec<String> {
    read(plan).expect_err("this plan has errors")
}

#[test]
fn all_errors_come_at_once_and_in_order() {
    let plan = "mod p;
stage dual_writ;
table t (id: bigit, k: text) {
    a: integer => b: bigint { up a + ; down b; }
    c: integer not null => d: date not null;
    e: text not null => f: text not null { up lowr(e); down zz; }
    g text => h: text;
}
tabel u {}";
    assert_eq!(
        errors(plan),
        [
            "2:7 there is no stage `dual_writ`",
            "3:14 PostgreSQL has no type `bigit`",
            "4:38 expected a value, found `;`",
            "5:31 `c` changes its type from `integer` to `date` and says not how",
            "6:47 PostgreSQL has no function `lowr`",
            "6:61 the plan declares no column `zz`",
            "7:7 expected `:` and the type of `g`, found `text`",
            "9:1 expected `stage`, `extern fn` or `table`, found `tabel`",
        ]
    );
}

#[test]
fn what_could_not_be_read_has_no_echo() {
    assert_eq!(errors("mod p; stage dual_write; table t { a text => b: text; }").len(), 1, "the only change");
    assert_eq!(errors("mod p; stage dual_write; tabel t { a: text => b: text; }").len(), 1, "the only table");
    assert_eq!(errors("mod p; stge dual_write; table t { a: text => b: text; }").len(), 2, "the stage's word");
    assert_eq!(errors("mod p; stage x; table t { a: text => b: text; }").len(), 1, "the stage");
    let type_of_read = "mod p; stage dual_write; table t (k: txt) { a: text => b: text { up a || k; down b; } }";
    assert_eq!(errors(type_of_read).len(), 1, "the type of a column that is read");
    let type_of_new = "mod p; stage dual_write; table t { a: integer => b: txt { up a; down b; } }";
    assert_eq!(errors(type_of_new).len(), 1, "the type of a new column");
    let broken = "mod p; stage dual_write; table t { a: text => b: integer { up a +; down b::text; } }";
    assert_eq!(errors(broken).len(), 1, "an `up` that could not be read");
    let misspelled = "mod p; stage dual_write; table t { a: text => b: text { up a; dwon b; } }";
    assert_eq!(errors(misspelled).len(), 1, "a misspelled `down`");
    let no_semicolon = "mod p; stage dual_write; table t { a: text => b: text c: text => d: text; }";
    assert_eq!(errors(no_semicolon).len(), 1, "a semicolon between two changes");
}

#[test]
fn beside_what_could_not_be_read_the_rest_is_checked() {
    let plan = "mod p; stage dual_write; table t { a: text not null => b: integer not null { up a +; down zz; } }";
    assert_eq!(errors(plan), ["1:84 expected a value, found `;`", "1:91 the plan declares no column `zz`"]);
    let plan = "mod p; stage dual_write; table t { a: text not null => b: text not null { up a +; } }";
    assert_eq!(errors(plan), ["1:56 `down` is missing for `a => b`", "1:81 expected a value, found `;`"]);
}

#[test]
fn without_a_name_the_rest_is_still_read() {
    assert_eq!(
        errors("table t (id: bigit) { a: text => b: text; }"),
        ["1:1 a plan begins with its name, found `table`", "1:14 PostgreSQL has no type `bigit`"]
    );
}
