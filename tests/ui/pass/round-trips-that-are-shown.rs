migrate::plan! {
    pub mod change;

    stage dual_write;

    table things (currency: text not null) {
        cents: numeric(12, 2) not null => a: bigint not null { up round(cents * 100)::bigint; down a / 100.0; }
        plain: numeric(12, 2) not null => b: bigint not null { up (plain * 100)::bigint; down b::numeric / 100; }
        count: integer not null between 0 and 1_000 => c: integer not null { up count * 3 + 7; down (c - 7) / 3; }
        debt: integer not null between -99 and 99 => d: integer not null { up -debt; down 0 - d; }
        idle: boolean not null => e: boolean not null { up not idle; down not e; }
        paid: boolean not null => f: text not null { up case when paid then "yes" else "no" end; down f = "yes"; }
        level: smallint not null => g: text not null { up "g" || level::text; down substr(g, 2)::smallint; }
        nick: text not null => h: text { up nullif(nick, ""); down coalesce(h, ""); }
        digit: smallint not null between 0 and 9 => i: smallint not null { up (9 - digit)::smallint; down (9 - i)::smallint; }
        number: integer not null => j: text not null { up number::text; down j::integer; }
        state: app.status not null => k: text not null { up state::text; down k::app.status; }
        flag: smallint not null between 0 and 1 => l: boolean not null { up flag::integer::boolean; down case when l then 1 else 0 end; }
        local: numeric(10, 2) not null => m: bigint not null {
            up   case when currency = "BHD" then local * 1000 else local * 100 end::bigint;
            down case when currency = "BHD" then m / 1000.0 else m / 100.0 end;
        }
    }
}

fn main() {}
