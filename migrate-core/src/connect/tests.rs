//! Addresses as people have them.

use postgres::config::{Host, SslNegotiation, TargetSessionAttrs};

use super::address::Address;
use super::tls::{Mode, Root};
use super::{IntoSource, Source};
use crate::error::Error;

fn read(text: &str) -> Address {
    Address::read(text, |_| None).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refusal(text: &str) -> String {
    match Address::read(text, |_| None) {
        Ok(address) => panic!("{text}: {address:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn both_forms_and_all_their_parts_are_read() {
    for text in [
        "postgres://an%40na:s%3Fe%2Fc@db.example:6543/shop%20x?connect_timeout=7&application_name=a%26b&options=-c%20a%3Db",
        "postgresql://an%40na:s%3Fe%2Fc@db.example:6543/shop%20x?connect_timeout=7&application_name=a%26b&options=-c%20a%3Db",
        r"host=db.example port = 6543 user=an@na password='s?e/c' dbname=shop\ x connect_timeout=7 application_name='a&b' options='-c a=b'",
    ] {
        let config = read(text).config;
        assert_eq!(config.get_user(), Some("an@na"), "{text}");
        assert_eq!(config.get_password(), Some(&b"s?e/c"[..]), "{text}");
        assert_eq!(config.get_hosts(), [Host::Tcp("db.example".into())], "{text}");
        assert_eq!(config.get_ports(), [6543], "{text}");
        assert_eq!(config.get_dbname(), Some("shop x"), "{text}");
        assert_eq!(config.get_connect_timeout().map(|timeout| timeout.as_secs()), Some(7), "{text}");
        assert_eq!(config.get_application_name(), Some("a&b"), "{text}");
        assert_eq!(config.get_options(), Some("-c a=b"), "{text}");
    }
}

#[test]
fn hosts_are_many_or_numbers_or_sockets() {
    let several = read("postgres://anna@a:1,b:2,c/shop?target_session_attrs=primary").config;
    assert_eq!(several.get_hosts().len(), 3);
    assert_eq!(several.get_ports(), [1, 2, 5432]);
    assert_eq!(several.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    assert_eq!(read("postgres://anna@[::1]:6543/shop").config.get_hosts(), [Host::Tcp("::1".into())]);
    for text in [
        "postgres://anna@%2Frun%2Fpostgresql/shop?sslmode=verify-full",
        "postgres:///shop?host=/run/postgresql&sslmode=require",
        "host=/run/postgresql dbname=shop sslmode=verify-ca",
    ] {
        let address = read(text);
        assert_eq!(address.config.get_hosts(), [Host::Unix("/run/postgresql".into())], "{text}");
        assert_eq!(address.tls.mode, Mode::Disable, "a socket of this machine is not encrypted: {text}");
    }
    let numbered = read("hostaddr=127.0.0.1 dbname=shop").config;
    assert_eq!(numbered.get_hosts(), [Host::Tcp("127.0.0.1".into())], "TLS needs a name");
}

#[test]
fn a_question_mark_or_an_at_sign_is_no_riddle_where_it_stands_alone() {
    let config = read("postgres://anna:se?c/ret@db.example/shop?sslmode=disable").config;
    assert_eq!(config.get_password(), Some(&b"se?c/ret"[..]));
    assert_eq!(config.get_dbname(), Some("shop"));
    let config = read("postgres://db.example/shop?application_name=anna@work").config;
    assert_eq!(config.get_hosts(), [Host::Tcp("db.example".into())]);
    assert_eq!(config.get_application_name(), Some("anna@work"));
}

#[test]
fn tls_is_asked_for_in_the_words_of_every_library() {
    for (options, mode, root) in [
        ("sslmode=verify-full&sslrootcert=/ca.pem", Mode::VerifyFull, Some(Root::File("/ca.pem".into()))),
        ("ssl-mode=verify-ca&ssl-root-cert=/ca.pem", Mode::VerifyCa, Some(Root::File("/ca.pem".into()))),
        ("sslrootcert=system", Mode::VerifyFull, Some(Root::System)),
        ("sslmode=require&sslaccept=strict", Mode::VerifyFull, None),
        ("sslmode=require&sslaccept=accept_invalid_certs", Mode::Require, None),
        ("ssl=true", Mode::Require, None),
        ("requiressl=0", Mode::Prefer, None),
        ("sslmode=allow", Mode::Allow, None),
        ("sslmode=prefer", Mode::Prefer, None),
        ("sslmode=disable", Mode::Disable, None),
        ("", Mode::Prefer, None),
    ] {
        let address = read(&format!("postgres://db.example/shop?{options}"));
        assert_eq!((address.tls.mode, address.tls.root), (mode, root), "{options}");
    }
    let direct = read("postgres://db.example/shop?sslmode=require&sslnegotiation=direct");
    assert_eq!(direct.config.get_ssl_negotiation(), SslNegotiation::Direct);
}

#[test]
fn options_of_other_libraries_are_understood_or_passed_over() {
    let address = read(
        "postgres://db.example/shop?schema=app&pgbouncer=true&connection_limit=5&pool_timeout=3&statement-cache-capacity=0\
         &statement_cache_size=0&options[search_path]=app%20x&options[jit]=off&keepalives_count=7\
         &fallback_application_name=shop&client_encoding=utf8&gssencmode=disable&channel_binding=prefer",
    );
    assert!(address.is_pooler);
    assert_eq!(address.config.get_options(), Some(r"-c search_path=app\ x -c jit=off"));
    assert_eq!(address.config.get_keepalives_retries(), Some(7));
    assert_eq!(address.config.get_application_name(), Some("shop"));
}

#[test]
fn what_is_misspelled_or_not_done_is_an_error_that_says_more() {
    for (options, expected) in [
        ("sslmod=require", "unknown option `sslmod`; did you mean `sslmode`?"),
        ("sslmode=verify_full", "`sslmode` is one of `disable`, `allow`, `prefer`, `require`, `verify-ca`"),
        ("conect_timeout=3", "unknown option `conect_timeout`; did you mean `connect_timeout`?"),
        ("colour=blue", "unknown option `colour`\n"),
        ("connect_timeout=soon", "invalid value for option `connect_timeout`"),
        ("sslcrl=/revoked.pem", "it has `sslcrl`, and lists of revoked certificates are not read"),
        ("sslpassword=hunter2", "it has `sslpassword`, and an encrypted key is not read"),
        ("gssencmode=require", "connections are encrypted by TLS only"),
        ("sslmode=require&sslrootcert=system", "`sslrootcert=system` goes with `sslmode=verify-full` only"),
    ] {
        let said = refusal(&format!("postgres://anna@db.example/shop?{options}"));
        assert!(said.contains(expected), "{options}: {said}");
        assert!(said.contains("\n  it is written as postgres://user:password@host:5432/database"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    assert!(refusal("postgres://anna@/shop").contains("it names no host"));
}

#[test]
fn no_error_gives_a_secret_away() {
    for text in [
        "postgres://anna:hunt@er2@db.example/shop",
        "postgres://anna:hunt@er2:x@db.example/shop",
        "postgres://anna:hunt?er2=1@db.example/shop",
        "postgres://db.example/shop?password=hunt&er2=1",
        "host=db.example password=hunt er2=1",
        "host=db.example password='hunt er2",
        "host=db.example password=hunt er2",
        "anna:hunter2@db.example/shop?sslmode=prefer",
    ] {
        if let Err(error) = Address::read(text, |_| None) {
            assert!(!format!("{error} {error:?}").contains("er2"), "{text}: {error}");
        }
    }
    let source = Source::url("postgres://anna:hunter2@db.example:6543/shop").unwrap();
    assert_eq!(source.target(), r#"database "shop" on db.example port 6543 as "anna""#);
    assert_eq!(format!("{source:?}"), r#"Source(database "shop" on db.example port 6543 as "anna")"#);
}

#[test]
fn what_an_address_leaves_out_is_taken_from_libpqs_variables() {
    let variables = |name: &str| {
        let value = match name {
            "PGUSER" => "anna",
            "PGPASSWORD" => "hunter2",
            "PGSSLMODE" => "verify-ca",
            "PGSSLROOTCERT" => "/ca.pem",
            _ => "",
        };
        Some(value.to_owned())
    };
    let address = Address::read("postgres://db.example/shop", variables).unwrap();
    assert_eq!(address.config.get_user(), Some("anna"));
    assert_eq!(address.config.get_password(), Some(&b"hunter2"[..]));
    assert_eq!((address.tls.mode, address.tls.root), (Mode::VerifyCa, Some(Root::File("/ca.pem".into()))));
    let address = Address::read("postgres://bert:other@db.example/shop?sslmode=disable", variables).unwrap();
    assert_eq!(address.config.get_user(), Some("bert"));
    assert_eq!(address.config.get_password(), Some(&b"other"[..]));
    assert_eq!(address.tls.mode, Mode::Disable);
}

#[test]
fn a_server_that_is_silent_is_not_waited_for_without_end() {
    let source = Source::url("postgres://db.example/shop").unwrap();
    let config = source.configured().unwrap();
    assert_eq!(config.get_connect_timeout().map(|timeout| timeout.as_secs()), Some(10));
    assert_eq!((config.get_keepalives_idle().as_secs(), config.get_keepalives_retries()), (30, Some(3)));
    let source = "host=db.example connect_timeout=3 keepalives_idle=5".to_owned().into_source().unwrap();
    let config = source.configured().unwrap();
    assert_eq!(config.get_connect_timeout().map(|timeout| timeout.as_secs()), Some(3));
    assert_eq!(config.get_keepalives_idle().as_secs(), 5);
}

#[test]
#[cfg(not(any(feature = "rustls", feature = "native-tls")))]
fn tls_that_is_not_built_in_is_an_error_that_names_the_features() {
    for mode in ["require", "verify-ca", "verify-full"] {
        let error = Source::url(&format!("postgres://db.example/shop?sslmode={mode}")).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(&format!("sslmode={mode}, and TLS is not built in")), "{said}");
        assert!(said.contains("the feature `rustls` or `native-tls`"), "{said}");
    }
    for mode in ["disable", "allow", "prefer"] {
        Source::url(&format!("postgres://db.example/shop?sslmode={mode}")).unwrap();
    }
}

#[test]
fn a_weak_mode_does_not_begin_with_tls_at_once() {
    let error = Source::url("postgres://db.example/shop?sslnegotiation=direct").unwrap_err();
    assert!(matches!(error, Error::Address { .. }), "{error}");
}

#[test]
fn a_programs_own_connector_is_told_the_name_and_its_error_is_kept() {
    let source = Source::connector(|name| Err::<postgres::Client, _>(format!("no ticket for {name}")));
    let error = source.connect("deploy").err().unwrap();
    assert_eq!(
        error.to_string(),
        "cannot connect to the database of the program's own connector: no ticket for deploy"
    );
    assert!(std::error::Error::source(&error).is_some());
}
