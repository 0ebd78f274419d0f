migrate::plan! {
    pub mod change;

    stage dual_write;

    table accounts (active: boolean not null, level: integer not null, note: text) {
        state: text not null => is_open: boolean not null {
            up   state = "open" and active is true or not active and level between 1 and 3
                 or state in ("new", "draft") and level not in (1, 2) or note is null and note is distinct from state
                 or (level = 1)::integer = 1 or active > false or booland_statefunc(active, true);
            down case when is_open then "open" else "closed" end;
            lossy "other values are mixed in";
        }
    }
}

fn main() {}
