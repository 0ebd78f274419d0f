//! What a plan with a mistake says, and where it points; and plans that compile.

#[test]
fn mistakes_are_reported_on_their_token() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

#[test]
fn plans_without_mistakes_compile() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}
