migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        state: "Order State" not null => status: app.status not null;
    }
}

fn main() {}
