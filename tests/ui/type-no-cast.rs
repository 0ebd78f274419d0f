migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (id: bigint, currency: text not null) {
        token: uuid not null => total_cents: bigint not null {
            up   token::bigint;
            down md5(total_cents::text)::uuid;
        }
    }
}

fn main() {}
