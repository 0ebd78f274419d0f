migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        payload: text => document: json { up payload::json; down document::text; }
    }
}

fn main() {}
