migrate::plan! {
    pub mod change;

    stage contract;

    table orders {
        total: text => label: text;
    }
}

use change::orders::old::total;

fn main() {
    println!("select {total} from orders");
}
