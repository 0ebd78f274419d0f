migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        nick: text => nickname: text;
        lossy "nothing";
    }
}

fn main() {}
