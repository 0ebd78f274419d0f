//! TLS of a real server, whose certificate is for `localhost`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use migrate::testing::ScratchServer;
use migrate::{Error, Source};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};

use crate::scenery::{folder, own_server, write_for_server};

type Authority = CertifiedIssuer<'static, KeyPair>;

/// An authority of its own.
fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate")
}

/// A certificate and its key, in PEM.
fn signed(by: &Authority, name: &str, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.extended_key_usages = vec![purpose];
    let key = KeyPair::generate().expect("a key");
    (params.signed_by(&key, by).expect("a certificate").pem(), key.serialize_pem())
}

/// A server with TLS, and the files that its clients need.
struct Encrypted {
    server: ScratchServer,
    files: PathBuf,
}

impl Encrypted {
    /// `access` are the lines of `pg_hba.conf` for TCP.
    fn start(access: &str) -> Option<Encrypted> {
        let server = own_server()?;
        let files = folder(&server);
        let data = files.join("data");
        let (ours, other) = (authority("shop"), authority("somebody else"));
        let (certificate, key) = signed(&ours, "localhost", ExtendedKeyUsagePurpose::ServerAuth);
        write_for_server(&server, &data.join("server.crt"), &certificate);
        write_for_server(&server, &data.join("server.key"), &key);
        write_for_server(&server, &data.join("root.crt"), &ours.pem());
        write_for_server(&server, &data.join("pg_hba.conf"), &format!("local all all trust\n{access}\n"));
        let (certificate, key) = signed(&ours, "postgres", ExtendedKeyUsagePurpose::ClientAuth);
        for (name, text) in
            [("ours.pem", ours.pem()), ("other.pem", other.pem()), ("client.pem", certificate), ("client.key", key)]
        {
            fs::write(files.join(name), text).expect("a file");
        }
        let mut client = server.connect().expect("a connection");
        client.batch_execute("ALTER SYSTEM SET ssl = on").expect("a setting");
        client.batch_execute("ALTER SYSTEM SET ssl_ca_file = 'root.crt'").expect("a setting");
        drop(client);
        server.restart().expect("a server with TLS");
        Some(Encrypted { server, files })
    }

    fn source(&self, host: &str, options: &str) -> Result<Source, Error> {
        let port = self.server.port().expect("a port");
        Source::url(&format!("postgres://postgres@{host}:{port}/postgres?{options}"))
    }

    fn file(&self, name: &str) -> String {
        path(&self.files.join(name))
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// The version of TLS that a connection has; none without it.
fn version(source: &Source) -> Result<Option<String>, Error> {
    let mut client = source.connect("migrate")?;
    let sql = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    Ok(client.query_one(sql, &[]).expect("a row").get(0))
}

const EVERYBODY: &str = "host all all 127.0.0.1/32 trust\nhost all all ::1/128 trust";

#[test]
fn each_mode_looks_at_what_it_should() {
    let Some(server) = Encrypted::start(EVERYBODY) else { return };
    let (ours, other) = (server.file("ours.pem"), server.file("other.pem"));
    for (host, options, expected) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), Ok(false)),
        ("127.0.0.1", "sslmode=allow".to_owned(), Ok(false)),
        ("127.0.0.1", "sslmode=prefer".to_owned(), Ok(true)),
        ("127.0.0.1", String::new(), Ok(true)),
        ("127.0.0.1", "sslmode=require".to_owned(), Ok(true)),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={ours}"), Ok(true)),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={other}"), Err(())),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={ours}"), Ok(true)),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={other}"), Err(())),
        ("localhost", format!("sslmode=verify-full&sslrootcert={ours}"), Ok(true)),
        ("localhost", format!("sslmode=verify-full&sslrootcert={other}"), Err(())),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={ours}"), Err(())),
        // Nobody else in the world has signed it.
        ("localhost", "sslmode=verify-full".to_owned(), Err(())),
        ("localhost", "sslrootcert=system".to_owned(), Err(())),
    ] {
        let found = server.source(host, &options).and_then(|source| version(&source));
        match (&found, expected) {
            (Ok(version), Ok(encrypted)) => assert_eq!(version.is_some(), encrypted, "{host} {options}"),
            (Err(Error::Connect { .. }), Err(())) => {}
            // A machine without any root certificates has nobody to believe.
            (Err(Error::Address { .. }), Err(())) if !options.contains(".pem") => {}
            _ => panic!("{host} {options}: {found:?}"),
        }
    }
}

#[test]
fn a_numbered_host_is_verified_by_the_name_beside_it() {
    let Some(server) = Encrypted::start(EVERYBODY) else { return };
    let (port, ours) = (server.server.port().expect("a port"), server.file("ours.pem"));
    let words =
        format!("host=localhost hostaddr=127.0.0.1 port={port} user=postgres sslmode=verify-full sslrootcert='{ours}'");
    assert!(version(&Source::url(&words).expect("a source")).expect("a connection").is_some());
    let words = format!("hostaddr=127.0.0.1 port={port} user=postgres sslmode=require");
    assert!(version(&Source::url(&words).expect("a source")).expect("a connection").is_some());
}

#[test]
fn allow_and_prefer_take_what_the_server_lets_in() {
    let Some(server) = Encrypted::start("hostssl all all 127.0.0.1/32 trust") else { return };
    for (mode, encrypted) in [("allow", true), ("prefer", true)] {
        let source = server.source("127.0.0.1", &format!("sslmode={mode}")).expect("a source");
        assert_eq!(version(&source).expect("a connection").is_some(), encrypted, "{mode}");
    }
    assert!(version(&server.source("127.0.0.1", "sslmode=disable").expect("a source")).is_err());
    let Some(server) = Encrypted::start("hostnossl all all 127.0.0.1/32 trust") else { return };
    for mode in ["allow", "prefer"] {
        let source = server.source("127.0.0.1", &format!("sslmode={mode}")).expect("a source");
        assert_eq!(version(&source).expect("a connection"), None, "{mode}");
    }
    assert!(version(&server.source("127.0.0.1", "sslmode=require").expect("a source")).is_err());
}

#[test]
fn a_client_shows_its_own_certificate() {
    let Some(server) = Encrypted::start("hostssl all all 127.0.0.1/32 cert") else { return };
    let (certificate, key) = (server.file("client.pem"), server.file("client.key"));
    let options = format!("sslmode=require&sslcert={certificate}&sslkey={key}");
    assert!(version(&server.source("127.0.0.1", &options).expect("a source")).expect("a connection").is_some());
    assert!(version(&server.source("127.0.0.1", "sslmode=require").expect("a source")).is_err());
    let alone = server.source("127.0.0.1", &format!("sslmode=require&sslcert={certificate}")).unwrap_err();
    assert!(alone.to_string().contains("`sslcert` and `sslkey` go together"), "{alone}");
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let Some(server) = Encrypted::start(EVERYBODY) else { return };
    let (missing, key) = (server.file("missing.pem"), server.file("client.key"));
    for (options, expected) in [
        (
            format!("sslmode=verify-ca&sslrootcert={missing}"),
            "`sslrootcert` of the database's address cannot be used: ",
        ),
        (format!("sslmode=verify-ca&sslrootcert={key}"), "`sslrootcert` of the database's address cannot be used: "),
        (
            format!("sslmode=require&sslcert={missing}&sslkey={key}"),
            "`sslcert` of the database's address cannot be used: ",
        ),
        (
            format!("sslmode=require&sslcert={0}&sslkey={0}", server.file("client.pem")),
            "`sslkey` of the database's address",
        ),
    ] {
        let said = server.source("127.0.0.1", &options).unwrap_err().to_string();
        assert!(said.starts_with(expected), "{options}: {said}");
        assert!(said.contains(".pem: ") || said.contains(".key: "), "{said}");
    }
}

#[test]
fn tls_begins_at_once_from_postgresql_17_on() {
    let Some(server) = Encrypted::start(EVERYBODY) else { return };
    let source = server.source("127.0.0.1", "sslmode=require&sslnegotiation=direct").expect("a source");
    match version(&source) {
        Ok(version) => assert!(version.is_some() && server.server.version_num() >= 170_000),
        Err(error) => assert!(server.server.version_num() < 170_000, "{error}"),
    }
}

#[test]
fn a_statement_is_cancelled_over_tls() {
    let Some(server) = Encrypted::start("hostssl all all 127.0.0.1/32 trust") else { return };
    let source = server.source("127.0.0.1", &format!("sslmode=verify-ca&sslrootcert={}", server.file("ours.pem")));
    let source = source.expect("a source");
    let mut client = source.connect("busy").expect("a connection");
    client.batch_execute("SET statement_timeout = '60s'").expect("a setting");
    let token = client.cancel_token();
    let (begun, cancelling) = (std::time::Instant::now(), source.clone());
    let busy = std::thread::spawn(move || client.batch_execute("SELECT pg_sleep(600)"));
    let mut watch = server.server.connect().expect("a connection");
    let sleeps = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'busy' AND wait_event = 'PgSleep'";
    while watch.query_one(sleeps, &[]).expect("a row").get::<_, i64>(0) == 0 {}
    cancelling.cancel(&token).expect("a request");
    let error = busy.join().expect("no panic").expect_err("an early end");
    assert_eq!(error.code(), Some(&postgres::error::SqlState::QUERY_CANCELED));
    assert!(begun.elapsed() < Duration::from_secs(50), "ended by the request, not by the limit");
}

#[test]
fn a_migration_runs_over_tls() {
    let Some(server) = Encrypted::start("hostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust") else {
        return;
    };
    let source = server.source("localhost", &format!("sslmode=verify-full&sslrootcert={}", server.file("ours.pem")));
    let mut client = source.expect("a source").connect_direct("deploy").expect("a direct connection");
    client.batch_execute("CREATE TABLE orders (id bigint PRIMARY KEY, label text)").expect("a table");
    let report = migrate::Migrator::new(&crate::scenery::MIGRATIONS).run(&mut client).expect("a run");
    assert!(report.is_complete(), "{report}");
}
