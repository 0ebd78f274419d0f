//! The shops as processes: opened, followed, replaced one after the other, and closed.

use std::error::Error;
use std::io::{BufReader, BufWriter};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use migrate::Side;

use crate::book::Book;
use crate::builds::Build;
use crate::ledger::{Audit, Ledger};
use crate::lines::{FromShop, ToShop, read_lines, write_line};
use crate::orders::{SLOTS, Seed};

/// A shop that has not done for so long what is waited for hangs.
const PATIENCE: Duration = Duration::from_secs(30);

const POLL: Duration = Duration::from_millis(2);

/// One shop in every slot.
pub(crate) struct Fleet {
    url: String,
    seed: Seed,
    book: Arc<Book>,
    shops: Vec<Shop>,
}

impl Fleet {
    /// No shop yet; `url` is that of the application's role.
    pub(crate) fn new(url: String, seed: Seed, book: Arc<Book>) -> Fleet {
        Fleet { url, seed, book, shops: Vec::new() }
    }

    /// Opens a shop of `build` in every slot.
    pub(crate) fn open(&mut self, build: Build) -> Result<(), Box<dyn Error>> {
        for slot in 0..SLOTS {
            let mut shop = self.start(slot, build)?;
            shop.open(&Ledger::new(self.seed, slot))?;
            self.shops.push(shop);
        }
        Ok(())
    }

    fn start(&self, slot: i64, build: Build) -> Result<Shop, Box<dyn Error>> {
        let shop = Shop::start(&self.url, slot, build, self.seed, &self.book)?;
        shop.wait("start", Seen::let_in)??;
        Ok(shop)
    }

    /// Starts a shop that must not be let in; answers why it is not.
    pub(crate) fn refused(&self, build: Build) -> Result<String, Box<dyn Error>> {
        match Shop::start(&self.url, 0, build, self.seed, &self.book)?.wait("start", Seen::let_in)? {
            Ok(()) => Err(format!("a shop of build `{build}` was let in").into()),
            Err(why) => Ok(why),
        }
    }

    /// The names of all shops on the list of instances.
    pub(crate) fn names(&self) -> Vec<String> {
        self.shops.iter().map(Shop::name).collect()
    }

    /// Puts a shop of `build` in the place of the one in `slot`: the new one is up before the old one
    /// closes, and goes on with its ledger. Answers the names of the old one and the new one.
    pub(crate) fn replace(&mut self, slot: i64, build: Build) -> Result<(String, String), Box<dyn Error>> {
        let mut shop = self.start(slot, build)?;
        let old = &mut self.shops[slot as usize];
        shop.open(&old.close()?)?;
        let names = (old.name(), shop.name());
        *old = shop;
        Ok(names)
    }

    /// Waits until every shop that asks which side to use uses `side`.
    pub(crate) fn wait_for_side(&self, side: Side) -> Result<(), Box<dyn Error>> {
        let follows = |seen: &mut Seen| (seen.follows == Some(side)).then_some(());
        let mut asking = self.shops.iter().filter(|shop| shop.build == Build::DualWrite);
        asking.try_for_each(|shop| shop.wait("follow the side", follows))
    }

    /// Fails where a shop has ended by itself.
    pub(crate) fn require_open(&self) -> Result<(), Box<dyn Error>> {
        self.shops.iter().try_for_each(|shop| shop.wait("stay open", |seen| (!seen.gone).then_some(())))
    }

    /// Has every shop compare all its rows with its ledger; answers how many there are. What differs is
    /// in the book.
    pub(crate) fn audit(&mut self) -> Result<u64, Box<dyn Error>> {
        for shop in &mut self.shops {
            shop.say(&ToShop::Audit)?;
        }
        let mut rows = 0;
        for shop in &self.shops {
            let audit = shop.wait("audit its ledger", |seen| seen.audit.take())?;
            rows += audit.rows;
            self.book.now(|phase| phase.wrong.extend(audit.wrong));
        }
        Ok(rows)
    }

    /// Closes all shops; answers what every row must hold.
    pub(crate) fn close(&mut self) -> Result<Vec<Ledger>, Box<dyn Error>> {
        self.shops.iter_mut().map(Shop::close).collect()
    }
}

/// What is known of a running shop.
#[derive(Debug, Default)]
struct Seen {
    /// Its name on the list of instances.
    name: Option<String>,
    /// Why its service did not start.
    refused: Option<String>,
    follows: Option<Side>,
    audit: Option<Audit>,
    gone: bool,
}

impl Seen {
    /// Whether its service started, or why not; nothing while that is open.
    fn let_in(&mut self) -> Option<Result<(), String>> {
        match &self.refused {
            Some(why) => Some(Err(why.clone())),
            None => self.name.is_some().then_some(Ok(())),
        }
    }
}

struct Shop {
    slot: i64,
    build: Build,
    child: Child,
    /// The shop closes when this does.
    stdin: Option<ChildStdin>,
    seen: Arc<Mutex<Seen>>,
    reader: Option<JoinHandle<Option<Ledger>>>,
}

impl Shop {
    fn start(url: &str, slot: i64, build: Build, seed: Seed, book: &Arc<Book>) -> Result<Shop, Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["shop", "--url", url, "--build", build.name()])
            .args(["--slot", &slot.to_string(), "--rows", &seed.rows.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let reader = stdout.map(|stdout| {
            let reader = Reader { slot, build, seed, book: book.clone(), seen: seen.clone() };
            thread::spawn(move || reader.read(stdout))
        });
        Ok(Shop { slot, build, child, stdin, seen, reader })
    }

    fn name(&self) -> String {
        lock(&self.seen).name.clone().unwrap_or_default()
    }

    fn say(&mut self, order: &ToShop) -> Result<(), Box<dyn Error>> {
        let stdin = self.stdin.as_mut().ok_or("this shop is closed")?;
        Ok(write_line(stdin, order)?)
    }

    /// Hands the ledger over and has the shop open.
    fn open(&mut self, ledger: &Ledger) -> Result<(), Box<dyn Error>> {
        let stdin = self.stdin.as_mut().ok_or("this shop is closed")?;
        let mut pipe = BufWriter::new(stdin);
        for entry in ledger.entries() {
            write_line(&mut pipe, &ToShop::Take(entry))?;
        }
        write_line(&mut pipe, &ToShop::Open)?;
        Ok(())
    }

    /// Waits until `done` answers something.
    fn wait<T>(&self, what: &str, done: impl Fn(&mut Seen) -> Option<T>) -> Result<T, Box<dyn Error>> {
        let begun = Instant::now();
        loop {
            let mut seen = lock(&self.seen);
            if let Some(answer) = done(&mut seen) {
                return Ok(answer);
            }
            if seen.gone || begun.elapsed() > PATIENCE {
                return Err(format!("the {} shop of slot {} did not {what}", self.build, self.slot).into());
            }
            drop(seen);
            thread::sleep(POLL);
        }
    }

    /// Closes the shop; answers its ledger.
    fn close(&mut self) -> Result<Ledger, Box<dyn Error>> {
        drop(self.stdin.take());
        let ledger = self.reader.take().and_then(|reader| reader.join().ok()).flatten();
        let status = self.child.wait()?;
        ledger
            .filter(|_| status.success())
            .ok_or_else(|| format!("the {} shop of slot {} left no ledger: {status}", self.build, self.slot).into())
    }
}

/// No process is left behind, whatever ends the driver.
impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Books what a shop says.
struct Reader {
    slot: i64,
    build: Build,
    seed: Seed,
    book: Arc<Book>,
    seen: Arc<Mutex<Seen>>,
}

impl Reader {
    /// Reads to the end; answers the ledger, if the shop handed over a whole one.
    fn read(&self, stdout: ChildStdout) -> Option<Ledger> {
        let mut ledger = Ledger::new(self.seed, self.slot);
        let mut closed = false;
        for line in read_lines(BufReader::new(stdout)) {
            match line {
                FromShop::Ready { name } => lock(&self.seen).name = Some(name),
                FromShop::Refused(why) => lock(&self.seen).refused = Some(why),
                FromShop::Follows { new } => lock(&self.seen).follows = Some(if new { Side::New } else { Side::Old }),
                FromShop::Audited(audit) => lock(&self.seen).audit = Some(audit),
                FromShop::Give(entry) => ledger.take(entry),
                FromShop::Closed => closed = true,
                FromShop::Took(took) => self.book.took(self.build, &took),
                FromShop::Failed(what) => self.book.failed(format!("{} shop {}: {what}", self.build, self.slot)),
                FromShop::Wrong(what) => self.book.wrong(format!("{} shop {}: {what}", self.build, self.slot)),
            }
        }
        lock(&self.seen).gone = true;
        closed.then_some(ledger)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
