//! The text of a float depends on how the session prints floats.

migrate::plan! {
    pub mod ratios;
    stage dual_write;
    table reading (id: bigint) {
        ratio: double precision not null => ratio_text: text not null {
            up   ratio::text;
            down ratio_text::double precision;
        }
    }
}

fn main() {}
