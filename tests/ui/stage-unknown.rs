migrate::plan! {
    pub mod change;

    stage production;

    table orders {
        total: text => label: text;
    }
}

fn main() {}
