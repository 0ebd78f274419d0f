//! A new environment: twenty plans from nothing to their ends in one go.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use migrate::testing::{ScratchDatabase, ScratchServer};
use migrate::{Event, Instance, Migrations, Migrator, Phase, Position, migrations};
use postgres::{Client, NoTls, SimpleQueryMessage};

use crate::proxy::Proxy;

const LONG: Duration = Duration::from_secs(20);

/// Twenty plans, each on a table of its own.
macro_rules! plans {
    ($($plan:ident $table:ident),*) => {
        $(migrate::plan! {
            mod $plan;
            stage contract;
            table $table (id: bigint) {
                total: numeric(12, 2) not null => total_cents: bigint not null {
                    up round(total * 100)::bigint; down total_cents / 100.0;
                }
            }
        })*

        static PLANS: Migrations = migrations![$($plan),*];
        const TABLES: [&str; 20] = [$(stringify!($table)),*];
    };
}

plans! {
    p01 t01, p02 t02, p03 t03, p04 t04, p05 t05, p06 t06, p07 t07, p08 t08, p09 t09, p10 t10,
    p11 t11, p12 t12, p13 t13, p14 t14, p15 t15, p16 t16, p17 t17, p18 t18, p19 t19, p20 t20
}

/// As a developer has it: the old shape, and a few rows.
fn environment() -> (ScratchDatabase, Client) {
    let server = ScratchServer::shared().expect("a PostgreSQL server");
    let database = server.database().expect("a fresh database");
    let mut client = database.connect().expect("a connection");
    for table in TABLES {
        let sql = format!(
            "CREATE TABLE {table} (id bigint PRIMARY KEY, total numeric(12,2) NOT NULL); \
             INSERT INTO {table} SELECT g, g + 0.25 FROM generate_series(1, 10) g"
        );
        client.batch_execute(&sql).expect("a table");
    }
    (database, client)
}

fn require_new_shape(client: &mut Client) {
    for table in TABLES {
        let sql = format!(
            "SELECT (SELECT count(*) FROM {table} WHERE total_cents = id * 100 + 25), \
                    (SELECT array_agg(attname::text ORDER BY attname) FROM pg_attribute \
                     WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped), \
                    (SELECT count(*) FROM pg_trigger WHERE tgrelid = '{table}'::regclass)"
        );
        let row = client.query_one(&sql, &[]).expect("a table");
        assert_eq!((row.get(0), row.get(2)), (10_i64, 0_i64), "{table}");
        assert_eq!(row.get::<_, Vec<&str>>(1), ["id", "total_cents"], "{table}");
    }
}

#[test]
fn twenty_plans_go_from_nothing_to_their_ends_in_one_run() {
    let (_database, mut client) = environment();
    let begun = Instant::now();
    let report = Migrator::new(&PLANS).without_waits().run(&mut client).expect("a run");
    println!("twenty plans in one run: {:?}", begun.elapsed());
    assert_eq!(report.plans.len(), 20);
    for plan in &report.plans {
        assert_eq!((plan.position, plan.closed.len()), (Position::Finished, 0), "{report}");
    }
    require_new_shape(&mut client);
}

/// Over a network a round trip is most of what a step costs in a small database.
#[test]
fn a_plan_goes_from_nothing_to_its_end_in_few_round_trips() {
    let (database, _client) = environment();
    let proxy = Proxy::to(database.url());
    let mut client = Client::connect(&proxy.url(), NoTls).expect("a connection");
    let before = proxy.round_trips();
    let report = Migrator::new(&PLANS).without_waits().run(&mut client).expect("a run");
    let each = (proxy.round_trips() - before) / report.plans.len();
    println!("round trips of each of twenty plans: {each}");
    assert!(each <= 104, "{each} round trips for each plan");
}

#[test]
fn what_a_run_prepares_is_not_left_on_the_callers_connection() {
    let (_database, mut client) = environment();
    let own = client.prepare("SELECT 1").expect("a statement of the caller's");
    Migrator::new(&PLANS).without_waits().run(&mut client).expect("a run");
    let answer = client.simple_query("SELECT statement FROM pg_prepared_statements").expect("the statements");
    let left: Vec<&str> = answer
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        })
        .collect();
    assert_eq!(left, ["SELECT 1"]);
    assert_eq!(client.query_one(&own, &[]).expect("an answer").get::<_, i32>(0), 1);
}

#[test]
fn an_observer_may_ask_on_a_connection_of_its_own_whatever_the_run_has_prepared() {
    let (database, mut client) = environment();
    let beside = Mutex::new((database.connect().expect("a connection"), 0));
    let migrator = Migrator::new(&PLANS).without_waits().observe(move |event| {
        if let Event::Rested { .. } = event {
            let (client, plans) = &mut *beside.lock().expect("no panic");
            let report = Migrator::new(&PLANS).status(client).expect("a status");
            *plans += 1;
            let finished = report.plans.iter().filter(|plan| plan.position == Position::Finished).count();
            assert_eq!(finished, *plans, "{report}");
        }
    });
    migrator.run(&mut client).expect("a run");
}

#[test]
fn twenty_plans_go_from_nothing_to_their_ends_with_a_service() {
    let (database, mut client) = environment();
    let begun = Instant::now();
    // The session that has made the tables has no name, and is this application's.
    let instance = Instance::new("shop", "1.0").session_name("");
    let service = Migrator::new(&PLANS).instance(instance).without_waits().start(database.url()).expect("a service");
    let served = begun.elapsed();
    service.wait(Phase::Contract, LONG).expect("the end of all plans");
    println!("twenty plans with a service: served after {served:?}, at their ends after {:?}", begun.elapsed());
    service.stop();
    require_new_shape(&mut client);
}
