migrate::plan! {
    stage dual_write;

    table orders {
        total: text => label: text;
    }
}

fn main() {}
