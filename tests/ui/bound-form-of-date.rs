migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        day: date not null between "1.1.2020" and "2030-12-31" => due: date not null;
    }
}

fn main() {}
