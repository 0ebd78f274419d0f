migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        note: text not null => remark: varchar(10) not null {
            up   note::varchar(10);
            down remark;
            lossy "cut";
        }
    }
}

fn main() {}
