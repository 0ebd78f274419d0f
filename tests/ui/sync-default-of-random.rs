migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        token: uuid not null default gen_random_uuid() => key: uuid not null;
    }
}

fn main() {}
