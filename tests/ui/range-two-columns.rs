migrate::plan! {
    pub mod change;

    stage dual_write;

    table orders (height: integer not null) {
        width: integer not null => area: integer not null {
            up   width * height;
            down coalesce(area / nullif(height, 0), 0);
            lossy "the height is forgotten";
        }
    }
}

fn main() {}
