migrate::plan! {
    mod change;
    stage dual_write;
    table orders (
        id: bigint,
        currency: text not null,
    ) { note: text => remark: text; }
}

fn main() {}
