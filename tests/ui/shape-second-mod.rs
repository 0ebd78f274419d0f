migrate::plan! {
    mod change;

    stage dual_write;

    table orders {
        total: text => label: text;
    }

    mod other;
}

fn main() {}
