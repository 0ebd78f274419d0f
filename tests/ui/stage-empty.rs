migrate::plan! {
    pub mod change;

    stage;

    table orders {
        total: text => label: text;
    }
}

fn main() {}
