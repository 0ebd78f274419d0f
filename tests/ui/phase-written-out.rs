migrate::plan! {
    pub mod change;

    stage dual_write;

    expand {
        total: text => label: text;
    }
}

fn main() {}
