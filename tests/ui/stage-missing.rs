migrate::plan! {
    pub mod change;

    table orders {
        total: text => label: text;
    }
}

fn main() {}
