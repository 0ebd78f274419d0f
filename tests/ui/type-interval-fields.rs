migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        lead: interval second to day not null => lead_time: interval not null;
    }
}

fn main() {}
