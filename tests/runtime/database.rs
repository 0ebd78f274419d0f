//! Databases for tests.

use std::time::Duration;

use migrate::testing::{ScratchDatabase, ScratchServer};
use migrate::{Instance, Migrations, Migrator, Plan};
use postgres::Client;

use crate::configs::Config;

/// A fresh database on the server that all tests share.
pub fn fresh() -> ScratchDatabase {
    let server = ScratchServer::shared().expect("a PostgreSQL server");
    server.database().expect("a fresh database")
}

/// How many times the small size a random test is to be.
pub fn scale() -> u32 {
    std::env::var("MIGRATE_TEST_SCALE").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// The test itself, whose sessions have no `application_name`.
pub fn tests() -> Instance {
    Instance::new("tests", "1").session_name("")
}

/// A runner of one plan, with no soak.
pub fn migrator(plan: &'static Plan) -> Migrator {
    let plans: &'static [&'static Plan] = Box::leak(Box::new([plan]));
    let migrations: &'static Migrations = Box::leak(Box::new(Migrations::new(plans)));
    Migrator::new(migrations).instance(tests()).soak(Duration::ZERO)
}

/// Lets nobody make a trigger on a table of the user's: it raises `what`.
pub fn forbid_triggers(client: &mut Client, what: &str) {
    let sql = format!(
        "CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS \
         $$BEGIN IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE '% on public.%') THEN \
             RAISE EXCEPTION {what}; \
         END IF; END$$; \
         CREATE EVENT TRIGGER forbid ON ddl_command_end WHEN TAG IN ('CREATE TRIGGER') EXECUTE FUNCTION forbid()"
    );
    client.batch_execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// The table of a configuration as it is before the plan.
pub fn create_item(client: &mut Client, config: &Config, partitioned: bool) {
    let context = config.context.map_or(String::new(), |(name, ty)| format!(", {name} {ty}"));
    let columns =
        format!("id bigint not null, old {}{context}, part integer not null default 0, other integer", config.old_type);
    let old = &(config.plan)().tables[0].lenses[0].old.column;
    let columns = columns.replacen("old ", &format!("{old} "), 1);
    let mut sql = String::from(config.prepare) + ";\n";
    if config.references {
        sql += "CREATE TABLE public.parent (code text PRIMARY KEY);\n";
        for key in config.old.iter().flatten() {
            sql += &format!("INSERT INTO public.parent VALUES ('{key}');\n");
        }
    }
    if partitioned {
        sql += &format!(
            "CREATE TABLE public.item ({columns}, PRIMARY KEY (id, part)) PARTITION BY LIST (part);\n\
             CREATE TABLE public.item_0 PARTITION OF public.item FOR VALUES IN (0);\n\
             CREATE TABLE public.item_1 PARTITION OF public.item FOR VALUES IN (1);\n"
        );
    } else {
        sql += &format!("CREATE TABLE public.item ({columns}, PRIMARY KEY (id, part));\n");
    }
    if config.references {
        sql +=
            &format!("ALTER TABLE public.item ADD FOREIGN KEY ({old}) REFERENCES public.parent ON UPDATE CASCADE;\n");
    }
    if config.lower_cased {
        sql += &format!(
            "CREATE FUNCTION public.lower_cased() RETURNS trigger LANGUAGE plpgsql AS \
             $$BEGIN NEW.{old} := lower(NEW.{old}); RETURN NEW; END$$;\n\
             CREATE TRIGGER normalise BEFORE INSERT OR UPDATE ON public.item FOR EACH ROW \
             EXECUTE FUNCTION public.lower_cased();\n"
        );
    }
    client.batch_execute(&sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}
