#![no_implicit_prelude]

::migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        note: text not null default "none" => remark: text not null default "none";
    }
}

fn main() {}
