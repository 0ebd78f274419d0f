//! A migrating process, as the driver sees it: started, listened to, killed.

use std::error::Error;
use std::io::{self, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::book::Book;
use crate::builds::Build;
use crate::lines::{FromMigration, read_lines};
use crate::narration::Narration;

/// A process that runs the migrations of its build.
pub(crate) struct Service {
    child: Child,
    /// The process ends when this is closed.
    _stdin: Option<ChildStdin>,
    lines: Box<dyn Iterator<Item = FromMigration>>,
    book: Arc<Book>,
    /// When the last batch ended.
    batch: Instant,
    /// How far the backfill is, in heap blocks.
    blocks_done: u64,
}

impl Service {
    /// Starts it; `url` is that of the table's owner.
    pub(crate) fn start(url: &str, build: Build, soak: Duration, book: Arc<Book>) -> Result<Service, Box<dyn Error>> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["migrate", "--url", url, "--build", build.name()])
            .args(["--soak-ms", &soak.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().ok_or("a migrating process has no output")?;
        let lines = Box::new(read_lines(BufReader::new(stdout)));
        Ok(Service { child, _stdin: stdin, lines, book, batch: Instant::now(), blocks_done: 0 })
    }

    /// The heap blocks that the backfill has done, as far as it has said.
    pub(crate) fn blocks_done(&self) -> u64 {
        self.blocks_done
    }

    /// As the kernel does when memory runs out: no handler of any kind is run.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Listens until the plan is where the build wants it.
    pub(crate) fn complete(&mut self, narration: &Narration) -> Result<(), Box<dyn Error>> {
        match self.follow(narration, |line| matches!(line, FromMigration::Complete { .. }))? {
            Some(_) => Ok(()),
            None => Err("the migrating process ended early".into()),
        }
    }

    /// Books and tells what the process says, up to the first that is `enough`, or to its end.
    pub(crate) fn follow(
        &mut self,
        narration: &Narration,
        enough: impl Fn(&FromMigration) -> bool,
    ) -> Result<Option<FromMigration>, Box<dyn Error>> {
        while let Some(line) = self.lines.next() {
            self.hear(&line, narration)?;
            if enough(&line) {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    fn hear(&mut self, line: &FromMigration, narration: &Narration) -> Result<(), Box<dyn Error>> {
        match line {
            FromMigration::Started { step } => {
                narration.working(step);
                self.batch = Instant::now();
            }
            FromMigration::Done { step, seconds } => narration.tell(&format!("{step} in {seconds:.3} s")),
            FromMigration::Batch { step, blocks_done, blocks, rows } => {
                narration.progress(step, *blocks_done, *blocks);
                let took = std::mem::replace(&mut self.batch, Instant::now()).elapsed();
                if is_backfill(step) {
                    self.blocks_done = *blocks_done;
                    self.book.backfilled(*rows, took);
                }
            }
            FromMigration::Waits(evidence) => narration.tell(&format!("waits: {evidence}")),
            FromMigration::Complete { position, side } => {
                narration.tell(&format!("the plan stands at: {position}, side {side}"));
            }
            FromMigration::Failed(error) => return Err(error.clone().into()),
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Whether a step, by its name, is a backfill.
pub(crate) fn is_backfill(step: &str) -> bool {
    step.starts_with("backfill ")
}
