migrate::plan! {
    pub mod the_total_of_an_order_becomes_a_number_of_integer_cents;

    stage dual_write;

    table orders {
        total: text => label: text;
    }
}

fn main() {}
