migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        name: varchar(20, 2) not null => label: text not null;
    }
}

fn main() {}
