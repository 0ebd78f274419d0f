migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        payload: jsonb not null => document: jsonb not null;
        json_stays: json => json_as_it_was: json;
    }
}

fn main() {}
