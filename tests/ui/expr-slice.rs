migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        tags: text[] not null => labels: text[] not null {
            up   tags[1:2];
            down labels;
        }
    }
}

fn main() {}
