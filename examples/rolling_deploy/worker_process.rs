//! A worker, as the driver sees it: started, listened to, killed or ended.

use std::collections::HashSet;
use std::error::Error;
use std::io::{self, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::book::Book;
use crate::builds::Build;
use crate::lines::{FromWorker, read_lines};
use crate::narration::Narration;

/// A worker that has said nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process whose service does the steps of its build.
pub(crate) struct WorkerProcess {
    child: Child,
    /// The process ends when this is closed.
    stdin: Option<ChildStdin>,
    lines: Receiver<FromWorker>,
    book: Arc<Book>,
    /// When the last batch ended.
    batch: Instant,
    /// How far the backfill is, in heap blocks.
    blocks_done: u64,
    /// The gates whose meaning was told.
    explained: HashSet<String>,
}

impl WorkerProcess {
    /// Starts it; `url` is that of the table's owner.
    pub(crate) fn start(
        url: &str,
        build: Build,
        soak: Duration,
        book: Arc<Book>,
    ) -> Result<WorkerProcess, Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["work", "--url", url, "--build", build.name()])
            .args(["--soak-ms", &soak.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or("a worker has no output")?;
        let (heard, lines) = mpsc::channel();
        // A worker never waits for a driver that has something else to do.
        thread::spawn(move || read_lines(BufReader::new(stdout)).try_for_each(|line| heard.send(line)));
        Ok(WorkerProcess {
            child,
            stdin,
            lines,
            book,
            batch: Instant::now(),
            blocks_done: 0,
            explained: HashSet::new(),
        })
    }

    /// The heap blocks that the backfill has done, as far as it has said.
    pub(crate) fn blocks_done(&self) -> u64 {
        self.blocks_done
    }

    /// As the kernel does when memory runs out: no handler of any kind is run. What it had said before is heard.
    pub(crate) fn kill(mut self, narration: &Narration) -> Result<u64, Box<dyn Error>> {
        self.stop()?;
        self.follow(narration, |_| false)?;
        Ok(self.blocks_done)
    }

    /// Tells it to end, and waits until it has.
    pub(crate) fn end(mut self, narration: &Narration) -> Result<(), Box<dyn Error>> {
        drop(self.stdin.take());
        self.follow(narration, |_| false)?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("a worker ended with {status}").into()) }
    }

    /// Listens until it is on the list of instances and its build is served.
    pub(crate) fn served(&mut self, narration: &Narration) -> Result<(), Box<dyn Error>> {
        self.expect(narration, |line| matches!(line, FromWorker::Serves { .. }))
    }

    /// Listens until the plan is where the build wants it.
    pub(crate) fn complete(&mut self, narration: &Narration) -> Result<(), Box<dyn Error>> {
        self.expect(narration, |line| matches!(line, FromWorker::Complete { .. }))
    }

    /// Listens for what must come.
    pub(crate) fn expect(
        &mut self,
        narration: &Narration,
        enough: impl Fn(&FromWorker) -> bool,
    ) -> Result<(), Box<dyn Error>> {
        match self.follow(narration, enough)? {
            Some(_) => Ok(()),
            None => Err("the worker ended early".into()),
        }
    }

    /// Books and tells what the process says, up to the first that is `enough`, or to its end.
    pub(crate) fn follow(
        &mut self,
        narration: &Narration,
        enough: impl Fn(&FromWorker) -> bool,
    ) -> Result<Option<FromWorker>, Box<dyn Error>> {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.hear(&line, narration)?;
                    if enough(&line) {
                        return Ok(Some(line));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("the worker has said nothing for {} s", PATIENCE.as_secs()).into());
                }
            }
        }
    }

    fn hear(&mut self, line: &FromWorker, narration: &Narration) -> Result<(), Box<dyn Error>> {
        match line {
            FromWorker::Serves { name } => narration.tell(&format!("{name} is on the list of instances, and served")),
            FromWorker::Started { step } => {
                narration.working(step);
                self.batch = Instant::now();
            }
            FromWorker::Done { step, seconds } => narration.tell(&format!("{step} in {seconds:.3} s")),
            FromWorker::Batch { step, blocks_done, blocks, rows } => {
                narration.progress(step, *blocks_done, *blocks);
                let took = std::mem::replace(&mut self.batch, Instant::now()).elapsed();
                if is_backfill(step) {
                    self.blocks_done = *blocks_done;
                    self.book.backfilled(*rows, took);
                }
            }
            FromWorker::Waits(gates) => gates.iter().for_each(|gate| self.waits(gate, narration)),
            FromWorker::Complete { position, side } => {
                narration.tell(&format!("the plan stands at: {position}, side {side}"));
            }
            FromWorker::Troubled(trouble) => narration.tell(&format!("trouble: {trouble}")),
            FromWorker::Refused(error) => return Err(error.clone().into()),
        }
        Ok(())
    }

    /// Tells in full what a gate means, and after that only whom it still names.
    fn waits(&mut self, gate: &str, narration: &Narration) {
        let (meaning, evidence) = gate.split_once('\n').unwrap_or((gate, ""));
        if self.explained.insert(meaning.to_owned()) {
            return narration.tell(&format!("waits: {gate}"));
        }
        let left: Vec<&str> = evidence.lines().map(|line| line.split(" (").next().unwrap_or(line).trim()).collect();
        if !left.is_empty() {
            narration.tell(&format!("still waits for {}", left.join(", ")));
        }
    }

    fn stop(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// Whether a step, by its name, is a backfill.
pub(crate) fn is_backfill(step: &str) -> bool {
    step.starts_with("backfill ")
}
