migrate::plan! {
    pub mod change;

    stage dual_write;

    table {
        total: text => label: text;
    }
}

fn main() {}
