migrate::plan! {
    pub mod change;

    stage dual_write;

    table things {
        total: numeric(12, 2) not null => amount: numeric(12, 1) not null { lossy "cents are rounded"; }
        at: timestamp => day: date { lossy "the time of day goes"; }
        doc: json => document: jsonb { lossy "white space goes"; }
        visits: bigint => share: double precision { lossy "large numbers are rounded"; }
        address: inet => network: cidr { lossy "host bits go"; }
        code: text => number: integer {
            lossy "leading zeros go";
            up   code::integer;
            down number::text;
        }
    }
}

fn main() {}
