migrate::plan! {
    pub mod change;

    stage dual_write;

    table measurements (day: date not null, station: integer not null) {
        celsius: numeric(5, 1) => temperature: numeric(5, 1);
    }
}

fn main() {}
