migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        number: bigserial => order_number: bigint not null;
    }
}

fn main() {}
