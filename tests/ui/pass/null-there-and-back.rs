migrate::plan! {
    pub mod change;

    stage dual_write;

    table people {
        nick: text not null default "" => nickname: text {
            up   nullif(nick, "");
            down coalesce(nickname, "");
        }
    }
}

fn main() {}
