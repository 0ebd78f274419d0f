migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: integer not null default "none" => amount: integer not null default "0";
    }
}

fn main() {}
