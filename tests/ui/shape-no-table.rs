migrate::plan! {
    pub mod change;

    stage dual_write;
}

fn main() {}
