//! A table whose rows hold values of all types, and nulls where a column allows them.

use fastrand::Rng;
use postgres::Client;

use crate::generate::{Column, value, word};

/// How many rows the table has.
pub const ROWS: i32 = 8;

/// Makes and fills the table `public.sample`.
pub fn create(client: &mut Client, columns: &[Column], rng: &mut Rng) {
    let definitions: Vec<String> = columns
        .iter()
        .map(|column| {
            let not_null = if column.not_null { " NOT NULL" } else { "" };
            format!("\"{}\" {}{not_null}", column.name, column.ty.sql())
        })
        .collect();
    let create = format!("CREATE TABLE public.sample (\"~id\" integer, {})", definitions.join(", "));
    client.batch_execute(&create).expect("the sample table");
    for id in 0..ROWS {
        let values: Vec<String> = columns
            .iter()
            .map(|column| {
                if !column.not_null && (id == 0 || rng.u8(..4) == 0) {
                    return "NULL".to_owned();
                }
                let word = word(&column.ty).expect("a type of the generator");
                format!("{}::{}", migrate_plan::ident::literal(&value(rng, &word)), column.ty.sql())
            })
            .collect();
        client
            .batch_execute(&format!("INSERT INTO public.sample VALUES ({id}, {})", values.join(", ")))
            .expect("a row");
    }
}
