//! What can make an expression fail for some row.

use super::casts::widens;
use super::{Expr, Kind, Operator};
use crate::types::{Category, Type};

/// Functions that give a value for every argument of their own types.
const TOTAL: [&str; 21] = [
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "lower",
    "upper",
    "btrim",
    "ltrim",
    "rtrim",
    "length",
    "char_length",
    "octet_length",
    "md5",
    "concat",
    "concat_ws",
    "reverse",
    "initcap",
    "sign",
    "floor",
    "ceil",
    "strpos",
];

/// Whether evaluating the expression can raise an error for some row: an overflow, a division by
/// zero, text that is no number. Where that is not certain the answer is yes.
pub fn can_fail<S>(expr: &Expr<S>, type_of: &dyn Fn(&Expr<S>) -> Option<Type>) -> bool {
    let mut fails = false;
    expr.walk(&mut |node| {
        fails |= narrows(node, type_of);
        fails |= match &node.kind {
            Kind::Cast(inner, to) => type_of(inner).is_none_or(|from| !widens(&from, to)),
            Kind::Binary(a, Operator::Symbol(symbol), _) => match symbol.as_str() {
                "=" | "<" | ">" | "<=" | ">=" | "<>" => false,
                "||" => type_of(a).is_none_or(|ty| ty.category() != Category::Text),
                _ => true,
            },
            Kind::Call(function, _) => function.schema.is_some() || !TOTAL.contains(&function.name.as_str()),
            Kind::Prefix(..) | Kind::Extract(..) | Kind::AtTimeZone(..) | Kind::Quantified(..) => true,
            Kind::Binary(_, Operator::Similar(_) | Operator::Like(_) | Operator::ILike(_), _) => true,
            // A bare literal takes the type of what it stands beside, and may not be one of its values;
            // that fails for every row or none, and so before the first step.
            _ => false,
        };
    });
    fails
}

/// Whether exact numbers meet floats: PostgreSQL makes floats of them all, and a large one is none.
fn narrows<S>(node: &Expr<S>, type_of: &dyn Fn(&Expr<S>) -> Option<Type>) -> bool {
    let types: Vec<Type> = node.children().into_iter().filter_map(type_of).collect();
    let any = |names: &[&str]| types.iter().filter_map(Type::builtin).any(|builtin| names.contains(&builtin.name));
    any(&["numeric"]) && any(&["real", "double precision"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::is_function;

    #[test]
    fn a_number_that_is_no_float_fails_beside_one() {
        let column = |name: &str| Expr { span: (), kind: Kind::Column(name.to_owned()) };
        let less = |a: &str, b: &str| {
            let symbol = Operator::Symbol("<".to_owned());
            Expr { span: (), kind: Kind::Binary(Box::new(column(a)), symbol, Box::new(column(b))) }
        };
        let type_of = |node: &Expr<()>| match &node.kind {
            Kind::Column(name) => Some(Type::named(name)),
            _ => None,
        };
        assert!(can_fail(&less("numeric", "double precision"), &type_of));
        assert!(!can_fail(&less("numeric", "bigint"), &type_of));
    }

    #[test]
    fn every_total_function_exists() {
        for name in TOTAL {
            assert!(is_function(name), "{name}");
        }
    }
}
