migrate::plan! {
    pub mod change;

    stage dual_write;

    table places (id: bigint) {
        "where": public.geometry(Point, 4326) => position: public.geometry(Point, 4326);
        mail: public.citext not null => email: public.citext not null;
        "path": public.ltree => category: public.ltree;
        tags: public.hstore => labels: public.hstore;
    }
}

fn main() {}
