migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        state: text => status: text not null {
            up   coalesce(state, "none");
            down nullif(status, "none");
        }
    }
}

fn main() {}
