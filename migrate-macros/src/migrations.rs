//! `migrations!`: the plans of a program, each checked under its own path.

use migrate_plan::Key;
use migrate_plan::lock::LockedPlan;
use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::buffer::TokenBuffer;

use crate::lock::LockFile;
use crate::parse::{Parser, PlanPath};
use crate::place::Place;

/// The expression that `migrations!` stands for.
pub(crate) fn migrations(input: TokenStream) -> TokenStream {
    let buffer = TokenBuffer::new2(input);
    let mut parser = Parser::new(buffer.begin());
    let root = parser.root();
    let paths = parser.plan_paths();
    let mut errors = parser.into_errors();
    let file = LockFile::read();
    let problem = file.as_ref().and_then(|file| file.damage("", Place::of(Span::call_site())));
    problem.into_iter().for_each(|problem| errors.push(problem));
    if !errors.is_empty() {
        let errors = errors.into_tokens();
        return quote!({ #errors #root::Migrations::new(&[]) });
    }
    let count = paths.len();
    let checks = paths.iter().enumerate().map(|(place, path)| check(&root, place, path));
    let paths: Vec<_> = paths.iter().map(|path| &path.tokens).collect();
    let dependency = file.as_ref().map(|file| file.dependency(""));
    let locked = file.iter().flat_map(|file| {
        let plans = file.lock.as_ref().as_ref().map(|lock| lock.plans.as_slice()).unwrap_or_default();
        plans.iter().filter(|plan| plan.crate_name() == file.crate_name)
    });
    let locked = locked.map(|plan| bake(&root, plan));
    let variable = migrate_plan::lock::VARIABLE;
    quote! {{
        static PLANS: &[&#root::Plan] = &[#(&#paths::PLAN),*];
        const KEYS: &[#root::__private::Key] = &#root::__private::Key::of_all::<#count>(PLANS);
        const LOCK: &[#root::__private::Locked] = &[#(#locked),*];
        const MODULE: &str = ::core::module_path!();
        #(#checks)*
        const _: () = #root::Migrations::check_whole(PLANS, KEYS, MODULE, LOCK);
        const _: ::core::option::Option<&str> = ::core::option_env!(#variable);
        #dependency
        #root::Migrations::checked(PLANS, MODULE)
    }}
}

/// The check of one plan, in the place of its name: rustc reports there what the check finds.
fn check(root: &Ident, place: usize, path: &PlanPath) -> TokenStream {
    let end = path.place.end;
    let located = |tokens: TokenStream, span: Span| -> TokenStream {
        let tokens = tokens.into_iter().map(|mut tree: TokenTree| {
            tree.set_span(tree.span().located_at(span));
            tree
        });
        tokens.collect()
    };
    let function = located(quote!(#root::Migrations::check), end);
    let mut arguments = Group::new(Delimiter::Parenthesis, quote!(PLANS, KEYS, #place, MODULE, LOCK));
    arguments.set_span(end);
    quote_spanned!(end=> const _: () = #function #arguments;)
}

fn bake(root: &Ident, plan: &LockedPlan) -> TokenStream {
    let LockedPlan { name, module, stage, declaration } = plan;
    let digest = Literal::u64_unsuffixed(migrate_plan::lock::digest(declaration.iter().map(String::as_str)));
    let (stage, declaration) = (format_ident!("{stage:?}"), declaration.join("\n"));
    let key = Key::of_name(name);
    quote!(#root::__private::Locked {
        module: #module, name: #name, key: #key, stage: #root::Stage::#stage, digest: #digest, declaration: #declaration
    })
}
