migrate::plan! {
    pub mod change;

    stage dual_write;

    table people (first: varchar(40) not null, code: char(3) not null, key: name not null) {
        name: text not null => label: text not null {
            up   initcap(lower(btrim(name))) || " " || first || code || upper(left(name, 1)) || right(name, -1)
                 || replace(name, "a", "b") || translate(name, "ab", "cd") || substr(name, 2, 3) || lpad(name, 5, "0")
                 || overlay(name placing "x" from 1 for 2) || reverse(name) || md5(name) || split_part(name, "-", 1)
                 || regexp_replace(name, "[0-9]+", "", "g") || substring(name from 1 for 2) || ascii(name)::text
                 || length(name)::text || position("x" in name)::text || strpos(name, "y")::text || chr(65) || quote_literal(name)
                 || case when name like "a%" and name !~* "^b" and starts_with(name, "c") then "" else key end
                 || to_hex(255) || octet_length(name)::text || repeat("-", 3) || rpad(name, 3);
            down label;
            lossy "other values are mixed in";
        }
    }
}

fn main() {}
