migrate::plan! {
    pub mod change;

    stage dual_wirte;

    table orders {
        total: text => label: text;
    }
}

fn main() {}
