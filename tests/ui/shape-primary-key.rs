migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        number: bigint primary key => key: bigint not null;
    }
}

fn main() {}
