migrate::plan! {
    pub mod change {
        stage dual_write;

        table orders {
            total: text => label: text;
        }
    }
}

fn main() {}
