#![deny(deprecated)]

migrate::plan! {
    pub mod change;

    stage switch;

    table orders {
        total: text => label: text;
    }
}

fn main() {
    println!("select {} from orders", change::orders::old::total);
}
