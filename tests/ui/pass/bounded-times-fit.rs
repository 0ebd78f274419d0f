// Bounds of dates and times narrow what is computed from them.
migrate::plan! {
    pub mod change;

    stage dual_write;

    table events (start: date not null between "2000-01-01" and "2050-01-01") {
        at: timestamp not null between "2000-01-01 00:00:00" and "2037-01-01 00:00:00" => seconds: integer not null {
            up   extract(epoch from at)::integer;
            down to_timestamp(seconds) at time zone "UTC";
            lossy "fractions of a second go";
        }
        day: date not null between "2000-01-01" and "2050-01-01" => days: smallint not null {
            up   (day - date "1970-01-01")::smallint;
            down date "1970-01-01" + days;
            lossy "never in fact: days are whole numbers";
        }
        ends: date not null between "2000-01-01" and "2050-01-01" => after: smallint not null {
            up   (ends - start)::smallint;
            down start + after;
            lossy "never while `start` stays";
        }
    }
}

fn main() {}
