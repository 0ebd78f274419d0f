migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        label: text not null => total_cents: bigint not null {
            up   case when label like "a!_" escape "!" then 1 else 0 end;
            down total_cents::text;
        }
    }
}

fn main() {}
