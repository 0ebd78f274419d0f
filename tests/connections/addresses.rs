//! What a source does with a server that it reaches.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use migrate::testing::ScratchServer;
use migrate::{Error, IntoSource, Source};

fn name(client: &mut postgres::Client) -> String {
    client.query_one("SHOW application_name", &[]).expect("a setting").get(0)
}

#[test]
fn every_kind_of_source_opens_connections_under_the_name_it_is_given() {
    let database = ScratchServer::shared().expect("a server").database().expect("a database");
    let (url, config) = (database.url().to_owned(), database.url().parse::<postgres::Config>().expect("an address"));
    let own = config.clone();
    let connector = Source::connector(move |name| own.clone().application_name(name).connect(postgres::NoTls));
    let sources = [
        url.as_str().into_source().expect("a source"),
        url.clone().into_source().expect("a source"),
        config.into_source().expect("a source"),
        connector,
    ];
    for source in sources {
        let mut client = source.clone().connect("shop@v17").expect("a connection");
        assert_eq!(name(&mut client), "shop@v17", "{source:?}");
        let mut client = source.connect_direct("deploy").expect("a direct connection");
        assert_eq!(name(&mut client), "deploy", "{source:?}");
    }
}

#[test]
fn a_statement_is_cancelled_through_its_source() {
    let server = ScratchServer::shared().expect("a server");
    let source = Source::url(server.url()).expect("a source");
    let mut client = source.connect("busy").expect("a connection");
    let process: i32 = client.query_one("SELECT pg_backend_pid()", &[]).expect("a row").get(0);
    let token = client.cancel_token();
    let busy = thread::spawn(move || client.batch_execute("SELECT pg_sleep(600)"));
    let mut watch = source.connect("watch").expect("a connection");
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'";
    while watch.query_one(sleeps, &[&process]).expect("a row").get::<_, i64>(0) == 0 {}
    source.cancel(&token).expect("a request");
    let error = busy.join().expect("no panic").expect_err("an early end");
    assert_eq!(error.code(), Some(&postgres::error::SqlState::QUERY_CANCELED));
}

#[test]
fn a_server_that_lets_nobody_in_is_named_with_its_reason() {
    let server = ScratchServer::shared().expect("a server");
    let (front, _) = server.url().rsplit_once('/').expect("a URL");
    let source = Source::url(&format!("{front}/no_such_database")).expect("a source");
    let Err(error @ Error::Connect { .. }) = source.connect("migrate") else { panic!("no such database") };
    let said = error.to_string();
    assert!(said.starts_with("cannot connect to database \"no_such_database\" on "), "{said}");
    assert!(said.contains(": 3D000 database \"no_such_database\" does not exist"), "{said}");
}

/// A server that breaks off each handshake of TLS, and answers whoever comes without with an error.
fn without_working_tls() -> (u16, thread::JoinHandle<Vec<&'static str>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serving = thread::spawn(move || {
        let mut seen = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut head = [0; 8];
            stream.read_exact(&mut head).expect("a message");
            if head == [0, 0, 0, 8, 4, 210, 22, 47] {
                seen.push("TLS");
                stream.write_all(b"S").expect("an answer");
                continue;
            }
            seen.push("plain");
            let fields = b"SFATAL\0C57P03\0Mnot today\0\0";
            let length = u32::try_from(fields.len() + 4).expect("a length").to_be_bytes();
            stream.write_all(&[b"E", &length[..], fields].concat()).expect("an answer");
            return seen;
        }
    });
    (port, serving)
}

#[test]
fn prefer_goes_on_without_tls_where_the_handshake_fails() {
    let (port, serving) = without_working_tls();
    let source = Source::url(&format!("postgres://anna@127.0.0.1:{port}/shop?sslmode=prefer")).expect("a source");
    let said = source.connect("migrate").err().expect("a refusal").to_string();
    assert!(said.ends_with("57P03 not today"), "{said}");
    let expected: &[&str] =
        if cfg!(any(feature = "rustls", feature = "native-tls")) { &["TLS", "plain"] } else { &["plain"] };
    assert_eq!(serving.join().expect("no panic"), expected);
}
