migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        grade: text not null => points: integer not null {
            up   case grade when "a" then 1 when "b" then 2 else 3 end;
            down case points when 1 then "a" when 2 then "b" else "c" end;
        }
    }
}

fn main() {}
