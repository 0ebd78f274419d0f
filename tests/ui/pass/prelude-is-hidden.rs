#![allow(dead_code)]

struct Some;
struct None;
struct Plan;
struct String;
mod core {}
mod std {}

migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders {
        total: integer not null default 0 => label: integer not null default 0;
    }
}

fn main() {}
