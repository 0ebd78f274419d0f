migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: bigint not null generated always as (price * 2) stored => amount: bigint not null;
    }
}

fn main() {}
