migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        code: text not null => number: integer not null {
            up   code::integer;
            down number::text;
            losy "zeros go";
        }
    }
}

fn main() {}
