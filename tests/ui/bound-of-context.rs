migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (rate: boolean between false and true) {
        nick: text not null => nickname: text not null;
    }
}

fn main() {}
