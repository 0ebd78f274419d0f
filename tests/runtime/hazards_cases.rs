//! Tables of many kinds, and a plan for each, in its first and its last release: every form that an error of
//! `tests/ui/hazard-*` tells its reader to write is among them.

use migrate::Plan;

/// A table, and the plan that changes it.
pub struct Case {
    pub name: &'static str,
    pub prepare: &'static str,
    pub dual_write: &'static Plan,
    pub contract: &'static Plan,
    /// Tables with a new column that is `NOT NULL`, which a step has to prove.
    pub proofs: usize,
}

macro_rules! cases {
    ($($name:ident $proofs:literal $prepare:literal { $($table:tt)* })*) => {
        $(mod $name {
            pub mod dual_write { migrate::plan! { pub mod plan; stage dual_write; $($table)* } }
            pub mod contract { migrate::plan! { pub mod plan; stage contract; $($table)* } }
        })*
        pub const CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            prepare: $prepare,
            dual_write: &$name::dual_write::plan::PLAN,
            contract: &$name::contract::plan::PLAN,
            proofs: $proofs,
        }),*];
    };
}

cases! {
    renamed 0
    "CREATE TABLE item (id bigint PRIMARY KEY, note text); INSERT INTO item SELECT g, 'n' FROM generate_series(1, 500) g"
    { table item (id: bigint) { note: text => remark: text; } }

    money 1
    "CREATE TABLE item (id bigint PRIMARY KEY, total numeric(12, 2) NOT NULL);
     INSERT INTO item SELECT g, g FROM generate_series(1, 500) g"
    { table item (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }

    null_becomes_impossible 1
    "CREATE TABLE item (id bigint PRIMARY KEY, pieces integer); INSERT INTO item SELECT g, nullif(g % 7, 0) FROM generate_series(1, 500) g"
    { table item (id: bigint) { pieces: integer => quantity: integer not null { up coalesce(pieces, 0); down quantity; lossy "none becomes 0"; } } }

    null_becomes_possible 0
    "CREATE TABLE item (id bigint PRIMARY KEY, note text NOT NULL); INSERT INTO item SELECT g, 'none' FROM generate_series(1, 500) g"
    { table item (id: bigint) { note: text not null => remark: text { up nullif(note, "none"); down coalesce(remark, "none"); } } }

    defaults 1
    "CREATE TABLE item (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), pieces integer NOT NULL DEFAULT 1, token uuid NOT NULL);
     INSERT INTO item (id, token) SELECT g, gen_random_uuid() FROM generate_series(1, 500) g"
    { table item (id: bigint) {
        at: timestamptz not null default now() => created_at: timestamptz not null default now();
        pieces: integer not null default 1 => quantity: integer not null default 1;
        token: uuid not null => key: uuid not null default gen_random_uuid();
    } }

    widened_key_of_a_child 1
    "CREATE TABLE customer (id bigint PRIMARY KEY); CREATE TABLE item (id bigint PRIMARY KEY, customer integer NOT NULL, owner bigint REFERENCES customer);
     INSERT INTO customer VALUES (1); INSERT INTO item SELECT g, g, 1 FROM generate_series(1, 500) g"
    { table item (id: bigint) { customer: integer not null => customer_id: bigint not null { up customer::bigint; down customer_id::integer; } } }

    referenced_parent 0
    "CREATE TABLE item (id bigint PRIMARY KEY, name text); CREATE TABLE line (item bigint REFERENCES item ON DELETE CASCADE);
     INSERT INTO item SELECT g, 'n' FROM generate_series(1, 500) g; INSERT INTO line SELECT g FROM generate_series(1, 500) g"
    { table item (id: bigint) { name: text => title: text; } }

    enumeration 1
    "CREATE TYPE state AS ENUM ('new', 'paid'); CREATE TYPE status AS ENUM ('new', 'paid', 'lost');
     CREATE FUNCTION to_status(state) RETURNS status LANGUAGE sql IMMUTABLE STRICT RETURN CASE $1 WHEN 'new' THEN 'new'::status ELSE 'paid' END;
     CREATE FUNCTION to_state(status) RETURNS state LANGUAGE sql IMMUTABLE STRICT RETURN CASE $1 WHEN 'new' THEN 'new'::state ELSE 'paid' END;
     CREATE TABLE item (id bigint PRIMARY KEY, state state NOT NULL); INSERT INTO item SELECT g, 'new' FROM generate_series(1, 500) g"
    { extern fn public.to_status(public.state) -> public.status immutable strict;
      extern fn public.to_state(public.status) -> public.state immutable strict;
      table item (id: bigint) {
        state: public.state not null => status: public.status not null {
            up public.to_status(state); down public.to_state(status); lossy "what is lost was paid";
        }
    } }

    domain_without_constraints 1
    "CREATE DOMAIN label AS text; CREATE TABLE item (id bigint PRIMARY KEY, name text NOT NULL); INSERT INTO item SELECT g, 'n' FROM generate_series(1, 500) g"
    { table item (id: bigint) { name: text not null => title: public.label not null { up name::public.label; down title::text; } } }

    domain_becomes_its_base_type 1
    "CREATE DOMAIN amount AS bigint NOT NULL CHECK (VALUE >= 0); CREATE TABLE item (id bigint PRIMARY KEY, amount amount NOT NULL);
     INSERT INTO item SELECT g, g FROM generate_series(1, 500) g"
    { table item (id: bigint) { amount: public.amount not null => total: bigint not null { up amount::bigint; down total::public.amount; lossy "nothing: the domain is over `bigint`"; } } }

    arrays 0
    "CREATE TABLE item (id bigint PRIMARY KEY, tags text[]); INSERT INTO item SELECT g, '{a,b}' FROM generate_series(1, 500) g"
    { table item (id: bigint) { tags: text[] => labels: text[]; } }

    json_becomes_jsonb 0
    "CREATE TABLE item (id bigint PRIMARY KEY, payload json); INSERT INTO item SELECT g, '{\"a\": 1}' FROM generate_series(1, 500) g"
    { table item (id: bigint) { payload: json => document: jsonb { up payload::jsonb; down document::json; lossy "spaces go, and keys change their order"; } } }

    partitioned 1
    "CREATE TABLE item (id bigint, part integer, total numeric(12, 2) NOT NULL, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
     CREATE TABLE item_0 PARTITION OF item FOR VALUES IN (0); CREATE TABLE item_1 PARTITION OF item FOR VALUES IN (1); CREATE TABLE item_rest PARTITION OF item DEFAULT;
     INSERT INTO item SELECT g, g % 3, g FROM generate_series(1, 500) g"
    { table item (id: bigint, part: integer) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
    } }

    inherited 1
    "CREATE TABLE item (id bigint PRIMARY KEY, name text NOT NULL); CREATE TABLE special (PRIMARY KEY (id)) INHERITS (item);
     INSERT INTO item SELECT g, 'n' FROM generate_series(1, 300) g; INSERT INTO special SELECT g, 's' FROM generate_series(301, 500) g"
    { table item (id: bigint) { name: text not null => title: text not null; } }

    indexed 1
    "CREATE TABLE item (id bigint PRIMARY KEY, code text NOT NULL, other integer, part integer DEFAULT 0);
     CREATE INDEX ON item (other); CREATE UNIQUE INDEX ON item (other, id) WHERE other > 5; CREATE INDEX ON item ((other + 1)) INCLUDE (part);
     ALTER TABLE item ADD CHECK (other >= 0); CREATE STATISTICS s ON other, part FROM item;
     INSERT INTO item SELECT g, 'c' || g, g FROM generate_series(1, 500) g"
    { table item (id: bigint) { code: text not null => number: text not null; } }

    seen_by_views 1
    "CREATE TABLE item (id bigint PRIMARY KEY, name text NOT NULL, other integer); INSERT INTO item SELECT g, 'n', g FROM generate_series(1, 500) g;
     CREATE VIEW others AS SELECT id, other FROM item; CREATE MATERIALIZED VIEW sums AS SELECT sum(other) FROM item;
     CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
     CREATE TRIGGER audit AFTER UPDATE ON item FOR EACH ROW EXECUTE FUNCTION audit();
     CREATE POLICY everything ON item USING (other > 0); ALTER TABLE item ENABLE ROW LEVEL SECURITY"
    { table item (id: bigint) { name: text not null => title: text not null; } }

    several_columns_of_two_tables 2
    "CREATE SCHEMA app; CREATE TABLE item (id bigint PRIMARY KEY, a text NOT NULL, b integer);
     CREATE TABLE app.line (id bigint PRIMARY KEY, total numeric(12, 2) NOT NULL, note text);
     INSERT INTO item SELECT g, 'a', g FROM generate_series(1, 500) g; INSERT INTO app.line SELECT g, g, 'n' FROM generate_series(1, 500) g"
    { table item (id: bigint) { a: text not null => c: text not null; b: integer => d: integer; }
      table app.line (id: bigint) {
        total: numeric(12, 2) not null => total_cents: bigint not null { up round(total * 100)::bigint; down total_cents / 100.0; }
        note: text => remark: text;
    } }

    without_a_key 1
    "CREATE TABLE item (name text NOT NULL); INSERT INTO item SELECT 'n' FROM generate_series(1, 500)"
    { table item { name: text not null => title: text not null; } }
}
