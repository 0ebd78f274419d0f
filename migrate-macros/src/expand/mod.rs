//! From a plan to Rust: a module with the plan as `static` data and the typed columns of both sides.

mod columns;
mod data;
mod rust_name;

use migrate_plan::runbook::runbook;
use migrate_plan::{Plan, Stage};
use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::errors::Errors;
use crate::source::Source;

/// The module of a plan that keeps every rule.
pub(crate) fn planned(root: &Ident, source: &Source) -> TokenStream {
    let plan = migrate_plan::plan(&source.declaration);
    let page = format!("{}\n\n{}", summary(&plan), runbook(&plan));
    module(root, source, &plan, &page)
}

/// The module of a plan with errors: the same items as far as they were understood, so that no second
/// error follows from the first, and a plan that does nothing.
pub(crate) fn fallback(root: &Ident, source: &Source, errors: Errors) -> TokenStream {
    let plan = Plan {
        name: source.declaration.name.text.clone().into(),
        stage: source.declaration.stage,
        declaration: "".into(),
        functions: Vec::new().into(),
        tables: Vec::new().into(),
        steps: Vec::new().into(),
    };
    let mut tokens = errors.into_tokens();
    tokens.extend(module(root, source, &plan, "This plan has errors."));
    tokens
}

fn module(root: &Ident, source: &Source, plan: &Plan, page: &str) -> TokenStream {
    let Source { attributes, visibility, module, .. } = source;
    let data = data::plan(plan);
    let tables = columns::tables(root, source);
    let about = format!("The plan `{}`, at stage `{}`.", plan.name, plan.stage);
    quote! {
        #attributes
        #[doc = ""]
        #[doc = #page]
        #[allow(dead_code, non_snake_case, non_upper_case_globals, unreachable_pub)]
        #visibility mod #module {
            #[doc = #about]
            pub static PLAN: #root::Plan = {
                use #root::__private::*;
                #data
            };
            #tables
        }
    }
}

fn summary(plan: &Plan) -> String {
    let stage = match plan.stage {
        Stage::DualWrite => "the code of this build can use both sides, and asks `side()` which",
        Stage::Switch => "the code of this build uses the new side only",
        Stage::Contract => "the code of this build knows the new side only",
    };
    format!("A plan at stage `{}`: {stage}.", plan.stage)
}
