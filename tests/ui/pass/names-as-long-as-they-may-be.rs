// With `~` before it, which the retired column has, the old name has 63 bytes.
migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders {
        a234567890123456789012345678901234567890123456789012345678901_: text
            => b23456789012345678901234567890123456789012345678901234567890123: text;
    }
}

fn main() {}
