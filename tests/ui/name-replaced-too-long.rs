migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        the_total_of_an_order_as_a_number_of_cents_without_any_fraction: text => total: text;
    }
}

fn main() {}
