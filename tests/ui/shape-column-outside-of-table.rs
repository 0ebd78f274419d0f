migrate::plan! {
    pub mod change;

    stage dual_write;

    total: text => label: text;
}

fn main() {}
