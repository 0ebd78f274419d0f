migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        nick: text not null between "a" and "z" => nickname: text not null;
    }
}

fn main() {}
