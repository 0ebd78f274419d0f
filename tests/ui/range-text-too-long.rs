migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        note: text => remark: varchar(200);
    }
}

fn main() {}
