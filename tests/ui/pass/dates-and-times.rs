migrate::plan! {
    pub mod change;

    stage dual_write;

    table events (
        at: timestamptz(3) not null,
        local: timestamp not null,
        clock: time not null,
        span: interval not null,
    ) {
        day: date not null => days: integer not null {
            up   (day - date "1970-01-01") + (day + 7 - day)
                 + coalesce(extract(hour from local), 0)::integer + coalesce(date_part("minute", clock), 0)::integer
                 + coalesce(extract(day from (at at time zone "UTC")), 0)::integer
                 + case when local + span > timestamp "2020-01-01" and local - local < span * 2 then 1 else 0 end
                 + case when date_trunc("month", local) = make_timestamp(2020, 1, 1, 0, 0, 0.0) then 1 else 0 end
                 + case when clock between "08:00" and "17:00" and span > "1 day" then 1 else 0 end
                 + case when isfinite(day) and justify_hours(span) > make_interval(0, 0, 0, 1) then 1 else 0 end
                 + case when to_timestamp(0) < at and local::date = day then 1 else 0 end;
            down date "1970-01-01" + days;
            lossy "other values are mixed in";
        }
    }
}

fn main() {}
