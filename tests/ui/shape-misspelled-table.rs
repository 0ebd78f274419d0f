migrate::plan! {
    pub mod change;

    stage dual_write;

    tabel orders {
        total: text => label: text;
    }
}

fn main() {}
