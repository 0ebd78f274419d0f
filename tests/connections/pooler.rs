//! PgBouncer before a server of our own.

use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use migrate::Source;
use migrate::testing::ScratchServer;
use postgres::{Client, NoTls};

use crate::scenery::{folder, own_server, write_for_server};

/// Runs the pooler until the pipe's only writer is gone: with its value, or with this process.
const SCRIPT: &str = r#"
"$1" -q "$2" >"$2.log" 2>&1 &
pooler=$!
read -r end
kill -s KILL "$pooler"
wait "$pooler"
"#;

/// How the pooler is set up.
pub(crate) struct Setup {
    pub(crate) mode: &'static str,
    pub(crate) size: usize,
    /// Whether it takes turns among its connections, rather than the one that was used last.
    pub(crate) in_turns: bool,
}

/// A pooler, with a server behind it.
pub(crate) struct Pooler {
    shell: Child,
    pub(crate) port: u16,
    pub(crate) size: usize,
    pub(crate) server: ScratchServer,
}

impl Pooler {
    /// Nothing where there is none to be had: that is said.
    pub(crate) fn start(setup: &Setup) -> Option<Pooler> {
        let program = program()?;
        let server = own_server()?;
        let port = free_port();
        let folder = folder(&server);
        let file = folder.join("pgbouncer.ini");
        let (mode, size, in_turns) = (setup.mode, setup.size, u8::from(setup.in_turns));
        let text = format!(
            "[databases]\n* = host={} port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = {size}\n\
             server_round_robin = {in_turns}\nquery_wait_timeout = 60\nmax_client_conn = 100\n",
            folder.display(),
            server.port().expect("a port"),
        );
        write_for_server(&server, &file, &text);
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", SCRIPT, "pooler"]).arg(program).arg(&file).stdin(Stdio::piped());
        // It refuses to run as root.
        let owner = folder.metadata().expect("a folder");
        if owner.uid() != Path::new("/proc/self").metadata().map_or(owner.uid(), |own| own.uid()) {
            shell.uid(owner.uid()).gid(owner.gid());
        }
        let mut pooler = Pooler { shell: shell.spawn().expect("a shell"), port, size, server };
        pooler.wait_until_ready(&file);
        Some(pooler)
    }

    fn wait_until_ready(&mut self, file: &Path) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = || fs::read_to_string(file.with_extension("ini.log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "the pooler does not start: {}", log());
            thread::yield_now();
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub(crate) fn source(&self) -> Source {
        Source::url(&self.url()).expect("a source")
    }

    /// A connection through the pooler.
    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.url(), NoTls).expect("a connection through the pooler")
    }

    /// As many connections, each in a transaction, as the pooler has to the server.
    pub(crate) fn all(&self) -> Vec<Client> {
        let begun = |_| {
            let mut client = self.client();
            client.batch_execute("BEGIN").expect("a transaction");
            client
        };
        (0..self.size).map(begun).collect()
    }

    /// Opens all the connections that it may have, and leaves them idle.
    pub(crate) fn warm(&self) {
        for mut client in self.all() {
            client.batch_execute("COMMIT").expect("an end");
        }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn program() -> Option<PathBuf> {
    static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = PROGRAM.get_or_init(|| find().or_else(install)).clone();
    if found.is_none() {
        eprintln!("skipped: there is no pgbouncer in PATH or /usr/sbin, and it cannot be installed here");
    }
    found
}

fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file())
}

/// As root on Debian and its relatives. The service that comes with it is not started.
fn install() -> Option<PathBuf> {
    let is_root = Path::new("/proc/self").metadata().is_ok_and(|own| own.uid() == 0);
    if !is_root || !Path::new("/etc/debian_version").exists() {
        return None;
    }
    eprintln!("there is no PgBouncer here; installing it with apt-get");
    for arguments in [&["update"][..], &["install", "--no-install-recommends", "pgbouncer"]] {
        let mut command = Command::new("apt-get");
        command.args(["--quiet", "--yes", "--option=DPkg::Lock::Timeout=300"]).args(arguments);
        // Debian starts no services in runlevel 1.
        let output = command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1").output().ok()?;
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    find()
}
