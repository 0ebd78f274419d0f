migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        name: varchar(0) not null => label: text not null;
    }
}

fn main() {}
