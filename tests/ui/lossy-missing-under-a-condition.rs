migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (currency: text not null) {
        total: numeric(12, 2) not null between 0 and 1_000_000 => minor: bigint not null {
            up   case when currency = "JPY" then total else total * 100 end::bigint;
            down case when currency = "JPY" then minor else minor / 100.0 end;
        }
    }
}

fn main() {}
