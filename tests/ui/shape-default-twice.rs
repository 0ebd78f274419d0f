migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: text default "a" default "b" => label: text;
    }
}

fn main() {}
