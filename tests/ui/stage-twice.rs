migrate::plan! {
    pub mod change;

    stage dual_write;
    stage switch;

    table orders {
        total: text => label: text;
    }
}

fn main() {}
