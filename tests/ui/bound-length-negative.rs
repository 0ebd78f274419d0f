migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        nick: varchar(10) not null length between -1 and 10 => nickname: text not null;
    }
}

fn main() {}
