migrate::plan! {
    pub mod change;

    stage dual_write;

    create function copied() returns trigger language plpgsql as $$
    begin
        new.amount := new.total;
        return new;
    end
    $$;

    table orders (id: bigint) {
        total: numeric(12, 2) not null => amount: numeric(12, 2) not null;
    }
}

fn main() {}
