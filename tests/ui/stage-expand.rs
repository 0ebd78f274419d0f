migrate::plan! {
    pub mod change;

    stage expand;

    table orders {
        total: text => label: text;
    }
}

fn main() {}
