migrate::plan! {
    pub mod change;

    stage dual_write;

    table things (price: integer not null, factor: integer not null, rate: numeric(5, 2) not null between 0.01 and 100) {
        quantity: integer not null => amount: numeric not null {
            up   quantity::numeric * price;
            down coalesce(amount / nullif(price, 0), 0)::integer;
            lossy "the price is forgotten";
        }
        minor: integer not null => major: numeric(12, 2) not null {
            up   case when factor > 0 then minor::numeric / factor else 0 end;
            down round(least(greatest(major * factor, -2_000_000_000), 2_000_000_000))::integer;
            lossy "thirds are rounded";
        }
        net: numeric(8, 2) not null => gross: numeric(14, 4) not null {
            up   net / rate;
            down round(gross * rate, 2)::numeric(12, 2)::numeric(8, 2);
            lossy "rounded";
        }
        code: varchar(10) not null => tag: varchar(14) not null { up "tag-" || code; down substr(tag, 5); }
        note: text not null => short: varchar(20) not null { up left(note, 20); down short; lossy "cut to 20"; }
        month: date not null => number: smallint not null {
            up   coalesce(extract(month from month), 1)::smallint;
            down make_date(2000, number, 1);
            lossy "only the month is kept";
        }
    }
}

fn main() {}
