// A function that is declared `strict` gives null for null: a null comes back as one.
migrate::plan! {
    pub mod change;

    stage dual_write;

    extern fn app.slug(text) -> text immutable strict;

    table pages (id: bigint) {
        title: text => slug: text {
            up   app.slug(title);
            down slug;
            lossy "capitals go";
        }
    }
}

fn main() {}
