migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        code: varchar(10) not null => tag: varchar(12) not null {
            up   "tag-" || code;
            down substr(tag, 5);
        }
    }
}

fn main() {}
