//! A plan as the value of a `static`.

use std::str::FromStr;

use migrate_plan::plan::{Planned, Table};
use migrate_plan::{Stage, code, lock};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

/// The value: its outline, which constant expressions can read, and the rest as one text constant.
pub(super) fn plan(root: &Ident, plan: &Planned) -> TokenStream {
    let name = &*plan.name;
    let declaration = raw(&plan.declaration);
    let digest = Literal::u64_unsuffixed(lock::digest(lock::present_lines(&plan.declaration)));
    let stage = match plan.stage {
        Stage::DualWrite => quote!(DualWrite),
        Stage::Switch => quote!(Switch),
        Stage::Contract => quote!(Contract),
    };
    let tables = plan.tables.iter().map(table);
    let data = raw(&code::encode(plan));
    quote! {{
        use #root::__private::*;
        static PLANNED: OnceLock<Planned> = OnceLock::new();
        Plan::new(Outline { name: #name, stage: Stage::#stage, declaration: #declaration, digest: #digest, tables: &[#(#tables),*] }, #data, &PLANNED)
    }}
}

fn table(table: &Table) -> TokenStream {
    let (schema, name) = (&*table.schema, &*table.name);
    let replaced = |column: &str| table.lenses.iter().any(|lens| lens.old.column == column);
    let reads = table.columns.iter().map(|column| &*column.name).filter(|name| !replaced(name));
    let changes = table.lenses.iter().map(|lens| {
        let (old, new) = (&*lens.old.column, &*lens.new.column);
        quote!((#old, #new))
    });
    quote!(TableOutline { schema: #schema, name: #name, reads: &[#(#reads),*], changes: &[#(#changes),*] })
}

/// A raw string constant, in which SQL is as it is, quotes and all.
pub(super) fn raw(text: &str) -> Literal {
    let mut hashes = String::from("#");
    while text.contains(&format!("\"{hashes}")) {
        hashes.push('#');
    }
    // Compilers turn "\r\n" in a constant into "\n", or refuse a "\r" that stands alone.
    let written =
        if text.contains('\r') { None } else { Literal::from_str(&format!("r{hashes}\"{text}\"{hashes}")).ok() };
    written.unwrap_or_else(|| Literal::string(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back() {
        for text in ["", "a \"quoted\" name", "\"#", "\"##", "back\\slash", "line\nfeed", "carriage\r\nreturn", "größe"]
        {
            let syn::Lit::Str(read) = syn::Lit::new(raw(text)) else { panic!("{text:?} is not a text") };
            assert_eq!(read.value(), text);
        }
    }
}
