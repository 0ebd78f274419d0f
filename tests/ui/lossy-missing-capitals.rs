migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint) {
        mail: text not null => address: text not null {
            up   lower(mail);
            down address;
        }
    }
}

fn main() {}
