migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        #[cfg(test)]
        total: text => label: text;
    }
}

fn main() {}
