migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders {
        total: text => label: text;
    }

    table public.orders {
        nick: text => name: text;
    }
}

fn main() {}
