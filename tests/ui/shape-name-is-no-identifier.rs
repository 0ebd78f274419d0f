migrate::plan! {
    pub mod "orders total";

    stage dual_write;

    table orders {
        total: text => label: text;
    }
}

fn main() {}
