migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        tags: text[n] not null => labels: text[] not null;
    }
}

fn main() {}
