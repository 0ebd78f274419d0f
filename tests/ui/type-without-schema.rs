migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        state: order_state not null => status: app.order_state not null;
    }
}

fn main() {}
