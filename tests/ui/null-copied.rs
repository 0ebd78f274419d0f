migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        nick: text => nickname: text not null;
    }
}

fn main() {}
