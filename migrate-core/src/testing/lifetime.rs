//! Tests of how long servers and databases last, on servers of our own whatever `DATABASE_URL`
//! says.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, io, process as own_process};

use postgres::Client;

use super::cluster::Cluster;
use super::database::ScratchDatabase;
use super::{ScratchServer, address, process};

/// Set for the process that owns a server in the test below, to how it is to end.
const OWNER: &str = "MIGRATE_TEST_OWNER_ENDS_BY";
const MARK: &str = "server at ";

#[test]
fn a_server_and_its_folder_go_with_the_owner_however_that_ends() {
    if let Ok(end) = env::var(OWNER) {
        own_a_server_until(&end);
    }
    for end in ["panic", "exit", "abort", "INT", "TERM", "KILL"] {
        let mut owner = start_owner(end);
        let url = url_from(&mut owner);
        let mut client = address::connect(&url).unwrap();
        let folder = folder_of(&mut client);
        assert!(folder.join("data").exists());

        match end {
            "panic" | "exit" | "abort" => {
                let mut stdin = owner.stdin.take().unwrap();
                writeln!(stdin).unwrap();
            }
            signal => signal_group(&owner, signal),
        }
        if !process::ends_within(&mut owner, Duration::from_secs(10)) {
            // A shell's background jobs, and so this owner, may have started with SIGINT ignored.
            assert_eq!(end, "INT");
            signal_group(&owner, "KILL");
        }
        let gone = process::holds_within(Duration::from_secs(20), || !folder.exists());
        assert!(gone, "the folder is still there after {end}");
        assert!(client.batch_execute("SELECT 1").is_err(), "{end}");
    }
}

#[test]
fn two_servers_run_side_by_side_with_their_own_settings() {
    let start = |level: &str| {
        let settings = [("wal_level", level), ("max_wal_senders", "0")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Cluster::start(&settings, address::PORT).unwrap()
    };
    let servers = ["logical", "minimal"].map(|level| (start(level), level));
    for (server, level) in &servers {
        let mut client = address::connect(&server.url()).unwrap();
        let row = client.query_one("SHOW wal_level", &[]).unwrap();
        assert_eq!(row.get::<_, &str>(0), *level);
    }
}

#[test]
fn an_immediate_stop_loses_the_open_transaction_and_no_other() {
    let mut server = Cluster::start(&[], address::PORT).unwrap();
    let mut client = address::connect(&server.url()).unwrap();
    for statement in ["CREATE TABLE t (i int)", "INSERT INTO t VALUES (1)", "BEGIN"] {
        client.batch_execute(statement).unwrap();
    }
    client.batch_execute("INSERT INTO t VALUES (2)").unwrap();

    server.stop_immediate().unwrap();
    assert_eq!(server.process_id(), None);
    assert!(client.batch_execute("COMMIT").is_err());

    server.restart().unwrap();
    let mut client = address::connect(&server.url()).unwrap();
    let rows = client.query("SELECT i FROM t", &[]).unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<i32>>(), [1]);
}

#[test]
fn a_database_goes_with_its_value_even_while_someone_is_connected() {
    let server = Cluster::start(&[], address::PORT).unwrap();
    let database = ScratchDatabase::create(&server.url(), true).unwrap();
    let mut connected = database.connect().unwrap();
    let name = database.name().to_owned();
    assert!(name.starts_with("migrate_scratch_"));

    drop(database);
    assert!(connected.batch_execute("SELECT 1").is_err());
    let mut client = address::connect(&server.url()).unwrap();
    let left = client.query("SELECT FROM pg_database WHERE datname = $1", &[&name]);
    assert!(left.unwrap().is_empty());
}

#[test]
fn another_role_connects_without_a_password() {
    let server = Cluster::start(&[], address::PORT).unwrap();
    let database = ScratchDatabase::create(&server.url(), true).unwrap();
    let mut superuser = database.connect().unwrap();
    superuser.batch_execute("CREATE ROLE \"the app\" LOGIN").unwrap();
    let mut app = database.connect_as("the app").unwrap();
    let row = app.query_one("SELECT current_user::text", &[]).unwrap();
    assert_eq!(row.get::<_, &str>(0), "the app");
}

#[test]
fn a_setting_that_the_server_refuses_is_named_in_the_error() {
    let settings = [("no_such_setting".to_owned(), "1".to_owned())];
    let message = Cluster::start(&settings, address::PORT).unwrap_err().to_string();
    assert!(message.contains("no_such_setting"), "{message}");
}

fn own_a_server_until(end: &str) -> ! {
    let server = ScratchServer::start().unwrap();
    println!("\n{MARK}{}", server.url());
    // Returns at the line that asks for an end, and never for an end by signal.
    io::stdin().read_exact(&mut [0]).unwrap();
    match end {
        "panic" => panic!("as asked for"),
        "exit" => own_process::exit(3),
        _ => own_process::abort(),
    }
}

fn start_owner(end: &str) -> Child {
    let (_, module) = module_path!().split_once("::").unwrap();
    let test = "a_server_and_its_folder_go_with_the_owner_however_that_ends";
    Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{test}"), "--nocapture"])
        .env(OWNER, end)
        .env_remove("DATABASE_URL")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// As Ctrl-C in a terminal does.
fn signal_group(leader: &Child, signal: &str) {
    let group = format!("-{}", leader.id());
    let kill = ["-c", r#"kill -s "$1" -- "$2""#, "kill", signal, &group];
    assert!(Command::new("/bin/sh").args(kill).status().unwrap().success());
}

fn url_from(owner: &mut Child) -> String {
    let lines = BufReader::new(owner.stdout.as_mut().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    lines.find_map(|line| Some(line.strip_prefix(MARK)?.to_owned())).unwrap()
}

fn folder_of(client: &mut Client) -> PathBuf {
    let row = client.query_one("SHOW unix_socket_directories", &[]);
    PathBuf::from(row.unwrap().get::<_, String>(0))
}
