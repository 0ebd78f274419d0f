migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        nick: text => label: text {
            up   coalesce(nick, "none");
            down nullif(label, "none");
        }
    }
}

fn main() {}
