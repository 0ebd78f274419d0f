migrate::plan! {
    mod change;
    stage dual_write;
    table orders { note: text => remark: text; }
}

fn main() {}
