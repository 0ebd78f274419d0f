// One name on the old side of one table and on the new side of another.
migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders { note: text => remark: text; }
    table returns { remark: text => note: text; }
}

fn main() {}
