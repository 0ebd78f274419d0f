migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (factor: integer not null) {
        minor: integer not null => major: numeric(20, 2) not null {
            up   minor::numeric / factor;
            down round(major * factor)::integer;
            lossy "rounded";
        }
    }
}

fn main() {}
