migrate::plan! {
    pub mod change;

    stage dual_write;

    table shop.app.orders {
        total: text => label: text;
    }
}

fn main() {}
