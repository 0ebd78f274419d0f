migrate::plan! {
    pub mod change;

    stage dual_write;

    table measures (
        a: smallint not null between -99 and 99,
        b: integer not null between -1_000 and 1_000,
        c: real not null,
        d: double precision not null,
    ) {
        total: numeric(12, 2) not null between 0 and 1_000 => total_cents: bigint not null {
            up   (round(total * 100) + a % 2 - b / 3 + (b & 7 | 8 # 1) + (b << 2 >> 1) + (~b) + abs(-a)
                 + div(total, 3) + mod(b, 5) + sign(total) + trunc(total, 1) + ceil(total) + floor(total)
                 + width_bucket(total, 0, 100, 10) + greatest(a, b, 1) + least(total, 2.5) + gcd(b, 6)
                 + power(total, 2) + sqrt(abs(total)) + round(c) + round(d) + (|/ d) + exp(0.0) + ln(2.0)
                 + b ^ 2 + pi() * 0 + factorial(3))::bigint;
            down total_cents / 100.0;
            lossy "other values are mixed in";
        }
    }
}

fn main() {}
