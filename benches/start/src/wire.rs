//! The wire between a client and the server: it counts round trips and reads the statements that pass.

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use postgres::Config;
use postgres::config::Host;

/// A socket of its own, behind which the server is.
pub struct Wire {
    folder: PathBuf,
    database: String,
    traffic: Arc<Mutex<Traffic>>,
}

/// What has passed, over all connections.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    /// How often the server answered something new: bytes of the client, and then bytes of the server.
    pub round_trips: usize,
    /// How often the server was told to execute something.
    pub executed: usize,
    /// The text of every statement.
    pub statements: Vec<String>,
}

impl Wire {
    /// To the database of a scratch server, which is behind a Unix socket.
    pub fn to(url: &str) -> Wire {
        let config: Config = url.parse().expect("an address");
        let Some(Host::Unix(server)) = config.get_hosts().first() else { panic!("no Unix socket: {url}") };
        let server = server.join(".s.PGSQL.5432");
        let database = config.get_dbname().expect("a database").to_owned();
        let folder = std::env::temp_dir().join(format!("migrate-wire-{}-{database}", std::process::id()));
        fs::create_dir(&folder).expect("a folder");
        let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).expect("a socket");
        let traffic = Arc::new(Mutex::new(Traffic::default()));
        let shared = Arc::clone(&traffic);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                carry(client, &server, &shared);
            }
        });
        Wire { folder, database, traffic }
    }

    /// The address of this end, in the form that every library reads.
    pub fn url(&self) -> String {
        let folder: String = self.folder.to_string_lossy().bytes().map(|byte| format!("%{byte:02X}")).collect();
        format!("postgres://postgres@{folder}:5432/{}", self.database)
    }

    /// What has passed since the last call.
    pub fn take(&self) -> Traffic {
        std::mem::take(&mut self.traffic.lock().expect("no panic"))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // A temporary folder that stays is no fault of the figures.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn carry(client: UnixStream, server: &Path, traffic: &Arc<Mutex<Traffic>>) {
    let server = UnixStream::connect(server).expect("the server");
    let asked = Arc::new(Mutex::new(false));
    let mut reader = Reader::default();
    let (seen, ask) = (Arc::clone(traffic), Arc::clone(&asked));
    forward(client.try_clone().expect("a socket"), server.try_clone().expect("a socket"), move |bytes| {
        *ask.lock().expect("no panic") = true;
        reader.read(bytes, &mut seen.lock().expect("no panic"));
    });
    let traffic = Arc::clone(traffic);
    forward(server, client, move |_| {
        // Before the bytes go on: whoever has the answer finds it counted.
        if std::mem::take(&mut *asked.lock().expect("no panic")) {
            traffic.lock().expect("no panic").round_trips += 1;
        }
    });
}

fn forward(mut from: UnixStream, mut to: UnixStream, mut seen: impl FnMut(&[u8]) + Send + 'static) {
    thread::spawn(move || {
        let mut buffer = [0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            seen(&buffer[..count]);
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        // Either may be closed already.
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}

/// Reads the messages of a client: a kind, a length that counts itself, and a body. The first has no kind.
#[derive(Default)]
struct Reader {
    left: Vec<u8>,
    has_begun: bool,
}

impl Reader {
    fn read(&mut self, bytes: &[u8], traffic: &mut Traffic) {
        self.left.extend_from_slice(bytes);
        loop {
            let kind = usize::from(self.has_begun);
            let Some(length) = self.left.get(kind..kind + 4) else { return };
            let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
            if self.left.len() < kind + length {
                return;
            }
            let message: Vec<u8> = self.left.drain(..kind + length).collect();
            if self.has_begun {
                traffic.note(message[0], &message[5..]);
            }
            self.has_begun = true;
        }
    }
}

impl Traffic {
    fn note(&mut self, kind: u8, body: &[u8]) {
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
        };
        match kind {
            // A simple query, and a prepared one, which has its name before its text.
            b'Q' => self.statements.push(text(body)),
            b'P' => {
                let name = body.iter().position(|byte| *byte == 0).map_or(body.len(), |end| end + 1);
                self.statements.push(text(&body[name..]));
            }
            _ => {}
        }
        self.executed += usize::from(matches!(kind, b'Q' | b'E'));
    }

    /// The strongest lock that the statements ask for by name, beside those that every reader takes.
    pub fn lock(&self) -> &'static str {
        let has = |word: &str| self.statements.iter().any(|sql| sql.to_lowercase().contains(word));
        if has("lock table") {
            "table"
        } else if has("pg_advisory_lock(") || has("pg_try_advisory_lock(") {
            "advisory, exclusive"
        } else if has("pg_try_advisory_lock_shared(") {
            "advisory, its own"
        } else {
            "none"
        }
    }
}
