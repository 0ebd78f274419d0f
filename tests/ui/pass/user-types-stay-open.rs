migrate::plan! {
    pub mod change;

    stage dual_write;

    extern fn app.rank(app.mood) -> integer immutable strict;
    extern fn app.mood_of(integer) -> app.mood immutable strict;

    table people (mail: public.citext not null, place: public.geometry(Point, 4326) not null) {
        mood: app.mood not null => rank: integer not null {
            up   case when mood in ("sad", "ok") and mood > "sad" or mail = "a@b" and mail like "%@%" and place && place
                      then app.rank(mood) else coalesce(length(mail::text), 0) end;
            down app.mood_of(rank);
            lossy "other values are mixed in";
        }
    }
}

fn main() {}
