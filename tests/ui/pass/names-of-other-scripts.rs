migrate::plan! {
    pub mod umbenennung;

    stage dual_write;

    table bestellungen (größe: integer not null) {
        straße: text => anschrift: text;
        имя: text not null => название: text not null;
        "數量": integer => "件數": integer;
    }
}

fn main() {
    assert_eq!(umbenennung::bestellungen::old::straße.to_string(), "\"straße\"");
}
