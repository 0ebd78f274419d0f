migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        tags: text[] not null => labels: text not null;
    }
}

fn main() {}
