migrate::plan! {
    pub mod change;

    stage dual_write;

    table documents (doc: jsonb not null, raw: json not null, key: uuid not null) {
        title: text => heading: text not null {
            up   coalesce(title, doc ->> "title", doc #>> array["meta", "title"], raw ->> 0, "")
                 || case when doc ? "a" and doc @> "{\"b\": [1]}" and doc ?| array["c", "d"] then "x" else "" end
                 || coalesce((doc -> "list" -> 0)::text, "") || jsonb_typeof(doc - "title" || "{}")
                 || jsonb_set(doc, "{a,b}", "1")::text || jsonb_strip_nulls(doc)::text || json_array_length(raw)::text
                 || case when key = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11" or key < key then key::text else "" end
                 || coalesce((doc["a"])::text, "");
            down nullif(heading, "");
            lossy "other values are mixed in";
        }
    }
}

fn main() {}
