migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        number: bigint not null default nextval("orders_number_seq") => order_number: bigint not null;
    }
}

fn main() {}
