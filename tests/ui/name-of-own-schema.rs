migrate::plan! {
    pub mod change;

    stage dual_write;

    table migrate.plans {
        total: text => label: text;
    }
}

fn main() {}
