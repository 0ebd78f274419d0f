migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        amount: app.amount not null => total: bigint not null {
            up   amount::bigint;
            down total::app.amount;
            lossy "the domain is over `bigint`, so nothing is";
        }
    }
}

fn main() {}
