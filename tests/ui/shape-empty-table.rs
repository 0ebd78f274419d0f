migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders {}
}

fn main() {}
