migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        nick: text not null => label: text {
            up   nick;
            down coalesce(label, "none");
        }
    }
}

fn main() {}
