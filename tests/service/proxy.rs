//! A way to the server that can be cut: bytes stop, and no socket closes. It counts what goes to and fro.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use postgres::Config;
use postgres::config::Host;

/// How often a line looks whether it was cut.
const LOOK: Duration = Duration::from_millis(20);

/// Stands between a client and the server.
pub struct Proxy {
    port: u16,
    target: Config,
    is_cut: Arc<AtomicBool>,
    round_trips: Arc<AtomicUsize>,
}

/// Either kind of socket.
trait Line: Read + Write + Send + 'static {
    fn twin(&self) -> Box<dyn Line>;
    fn look(&self);
    fn close(&self);
}

impl Line for TcpStream {
    fn close(&self) {
        // It may be closed already.
        let _ = self.shutdown(Shutdown::Both);
    }
    fn twin(&self) -> Box<dyn Line> {
        Box::new(self.try_clone().expect("a socket"))
    }
    fn look(&self) {
        self.set_read_timeout(Some(LOOK)).expect("a time limit");
    }
}

impl Line for UnixStream {
    fn close(&self) {
        // It may be closed already.
        let _ = self.shutdown(Shutdown::Both);
    }
    fn twin(&self) -> Box<dyn Line> {
        Box::new(self.try_clone().expect("a socket"))
    }
    fn look(&self) {
        self.set_read_timeout(Some(LOOK)).expect("a time limit");
    }
}

impl Proxy {
    pub fn to(url: &str) -> Proxy {
        let target: Config = url.parse().expect("an address");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let is_cut = Arc::new(AtomicBool::new(false));
        let round_trips = Arc::default();
        let (config, cut, trips) = (target.clone(), Arc::clone(&is_cut), Arc::clone(&round_trips));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if let Some(server) = server(&config) {
                    carry(Box::new(client), server, &cut, &trips);
                }
            }
        });
        Proxy { port, target, is_cut, round_trips }
    }

    /// The address of the proxy, with everything else as the server's has it.
    pub fn url(&self) -> String {
        let user = self.target.get_user().unwrap_or("postgres");
        let database = self.target.get_dbname().unwrap_or("postgres");
        format!("host=127.0.0.1 port={} user={user} dbname={database}", self.port)
    }

    /// How often the server has answered something new.
    pub fn round_trips(&self) -> usize {
        self.round_trips.load(Ordering::Acquire)
    }

    /// From now on nothing passes, in neither direction.
    pub fn cut(&self) {
        self.is_cut.store(true, Ordering::Release);
    }

    /// Everything passes again, also what was held up.
    pub fn mend(&self) {
        self.is_cut.store(false, Ordering::Release);
    }
}

fn server(config: &Config) -> Option<Box<dyn Line>> {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Unix(folder)) => {
            let path: PathBuf = folder.join(format!(".s.PGSQL.{port}"));
            UnixStream::connect(path).ok().map(|line| Box::new(line) as Box<dyn Line>)
        }
        Some(Host::Tcp(name)) => {
            TcpStream::connect((name.as_str(), port)).ok().map(|line| Box::new(line) as Box<dyn Line>)
        }
        None => None,
    }
}

fn carry(client: Box<dyn Line>, server: Box<dyn Line>, cut: &Arc<AtomicBool>, round_trips: &Arc<AtomicUsize>) {
    client.look();
    server.look();
    let is_asked = Arc::new(AtomicBool::new(false));
    for (mut from, mut to, asks) in [(client.twin(), server.twin(), true), (server, client, false)] {
        let (cut, is_asked, round_trips) = (Arc::clone(cut), Arc::clone(&is_asked), Arc::clone(round_trips));
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            loop {
                if cut.load(Ordering::Acquire) {
                    thread::sleep(LOOK);
                    continue;
                }
                match from.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(bytes) => {
                        if is_asked.swap(asks, Ordering::AcqRel) && !asks {
                            round_trips.fetch_add(1, Ordering::AcqRel);
                        }
                        while cut.load(Ordering::Acquire) {
                            thread::sleep(LOOK);
                        }
                        if to.write_all(&buffer[..bytes]).is_err() {
                            break;
                        }
                    }
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                    Err(_) => break,
                }
            }
            // Whoever ends it, ends it for both.
            from.close();
            to.close();
        });
    }
}
