migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        state: app.state not null => status: app.state not null;
        states: app.state[] => statuses: app.state[];
    }
}

fn main() {}
