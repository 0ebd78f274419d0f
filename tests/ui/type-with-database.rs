migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        state: shop.app.state not null => status: app.state not null;
    }
}

fn main() {}
