migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        total: text => "~total": text;
    }
}

fn main() {}
