//! A process of the application: this test program again, called with the name of a test that does nothing unless it is
//! told to.
//!
//! It starts a service of its build, reads and writes the table as code of that build does, and says on standard output what
//! happens, a line each. It ends when its standard input does.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use migrate::{Event, Migrator};

use crate::builds::{Build, brisk};
use crate::traffic::Writer;

const URL: &str = "MIGRATE_TEST_AGENT_URL";
const BUILD: &str = "MIGRATE_TEST_AGENT_BUILD";
const WRITER: &str = "MIGRATE_TEST_AGENT_WRITER";
const LEASE: &str = "MIGRATE_TEST_AGENT_LEASE";
const LEADS: &str = "MIGRATE_TEST_AGENT_LEADS";
const PAUSE: &str = "MIGRATE_TEST_AGENT_PAUSE";
const HELPER: &str = "MIGRATE_TEST_AGENT_HELPER";

/// A writer makes at least so many statements.
const FEWEST: u64 = 30;

/// How an agent is to be.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    pub build: Build,
    /// The number of its writer, which has rows of its own; without one it only follows.
    pub writer: Option<u32>,
    /// The lease of its instance; grace and beats go with it.
    pub lease: Duration,
    /// Whether it does steps itself.
    pub leads: bool,
    /// At this event of its steps, counted from 0, it says `at` and waits to be told to go on.
    pub pause_at: Option<usize>,
    /// A second session helps with its backfill, and pauses so before its first commit.
    pub helper_pauses: bool,
}

impl Manner {
    pub fn of(build: Build) -> Manner {
        Manner { build, writer: None, lease: brisk().lease, leads: true, pause_at: None, helper_pauses: false }
    }

    pub fn writing(self, writer: u32) -> Manner {
        Manner { writer: Some(writer), ..self }
    }

    pub fn following(self) -> Manner {
        Manner { leads: false, ..self }
    }

    pub fn pausing_at(self, event: usize) -> Manner {
        Manner { pause_at: Some(event), ..self }
    }

    pub fn with_a_helper_that_pauses(self) -> Manner {
        Manner { helper_pauses: true, ..self }
    }

    pub fn lease(self, lease: Duration) -> Manner {
        Manner { lease, ..self }
    }
}

/// The process. Without the variables this is no test at all.
#[test]
fn agent() {
    let Ok(url) = std::env::var(URL) else { return };
    let build = std::env::var(BUILD).expect("a build");
    let build = Build::ALL.into_iter().find(|known| known.version() == build).expect("a known build");
    let millis = std::env::var(LEASE).expect("a lease").parse().expect("a number");
    let mut settings = brisk();
    settings.lease = Duration::from_millis(millis);
    settings.grace = settings.lease / 3;
    settings.beat = settings.lease / 6;
    settings.poll = settings.poll.min(settings.beat);
    settings.may_lead = std::env::var(LEADS).is_ok();
    if std::env::var(HELPER).is_ok() {
        settings.workers = 2;
    }
    // The end of the standard input is the word to end, a line of it the word to go on.
    let ((end, ended), (go, told)) = (channel::<()>(), channel::<()>());
    thread::spawn(move || {
        for _ in std::io::stdin().lines().map_while(Result::ok) {
            if go.send(()).is_err() {
                break;
            }
        }
        drop(end);
    });
    let migrator = pausing(build.migrator().settings(settings), told);
    let begun = Instant::now();
    let service = match migrator.start(&url) {
        Ok(service) => service,
        Err(error) => {
            say(&format!("refused {}", error.to_string().replace('\n', " ")));
            return;
        }
    };
    say(&format!("ready {} {}", begun.elapsed().as_millis(), service.application_name()));
    match std::env::var(WRITER).ok().and_then(|number| number.parse().ok()) {
        None => drop(ended.recv()),
        Some(number) => {
            let mut writer = Writer::new(&url, build, number, &service);
            while ended.recv_timeout(Duration::from_millis(2)) == Err(RecvTimeoutError::Timeout)
                || writer.statements() < FEWEST
            {
                writer.act(&mut |line| say(&line));
            }
            say(&format!("wrote {}", writer.statements()));
        }
    }
    service.stop();
    say("stopped");
}

/// Has it wait at the event that it is to pause at.
fn pausing(migrator: Migrator, told: Receiver<()>) -> Migrator {
    if std::env::var(HELPER).is_ok() {
        return with_a_helper_that_pauses(migrator, told);
    }
    let Some(pause_at) = std::env::var(PAUSE).ok().and_then(|number| number.parse::<usize>().ok()) else {
        return migrator;
    };
    let (count, told) = (AtomicUsize::new(0), Mutex::new(told));
    migrator.observe(move |event| {
        use Event as E;
        if matches!(event, E::StepStarted { .. } | E::Committing { .. } | E::StepDone { .. } | E::Batch { .. })
            && count.fetch_add(1, Ordering::Relaxed) == pause_at
        {
            say(&format!("at {event:?}"));
            // An end of the input lets it go on too.
            let _ = told.lock().expect("the word to go on").recv();
        }
    })
}

/// Has the first commit of a session wait that helps the one with the lead.
fn with_a_helper_that_pauses(migrator: Migrator, told: Receiver<()>) -> Migrator {
    let (lead, told) = (Mutex::new(None), Mutex::new(Some(told)));
    migrator.observe(move |event| match event {
        Event::StepStarted { .. } => *lead.lock().expect("who leads") = Some(thread::current().id()),
        Event::Committing { .. } if *lead.lock().expect("who leads") != Some(thread::current().id()) => {
            let told = told.lock().expect("the word to go on").take();
            if let Some(told) = told {
                say("at the commit of a helper");
                let _ = told.recv();
            }
        }
        _ => {}
    })
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // The parent may be gone; then nobody listens.
    let _ = writeln!(out, "agent {line}");
    let _ = out.flush();
}

/// A running agent. Killed when the value drops, if it has not ended.
pub struct Agent {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Everything it said so far.
    pub said: Vec<String>,
    pub manner: Manner,
}

impl Agent {
    pub fn spawn(url: &str, manner: Manner) -> Agent {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command
            .args(["--exact", "agent::agent", "--nocapture"])
            .env(URL, url)
            .env(BUILD, manner.build.version())
            .env(LEASE, manner.lease.as_millis().to_string())
            .envs(manner.writer.map(|writer| (WRITER, writer.to_string())))
            .envs(manner.leads.then_some((LEADS, "yes")))
            .envs(manner.helper_pauses.then_some((HELPER, "yes")))
            .envs(manner.pause_at.map(|event| (PAUSE, event.to_string())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut child = command.spawn().expect("an agent");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let (line, lines) = channel();
        thread::spawn(move || {
            for said in stdout.lines().map_while(Result::ok) {
                // The test harness writes to it too, at times on the same line.
                if let Some((_, said)) = said.split_once("agent ")
                    && line.send(said.to_owned()).is_err()
                {
                    break;
                }
            }
        });
        Agent { child, stdin, lines, said: Vec::new(), manner }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Takes in what it has said meanwhile.
    pub fn listen(&mut self) -> &[String] {
        self.said.extend(self.lines.try_iter());
        &self.said
    }

    /// Waits for a line that begins so, and answers the rest of it.
    pub fn hear(&mut self, word: &str, patience: Duration) -> Option<String> {
        let until = Instant::now() + patience;
        loop {
            if let Some(line) = self.said.iter().find_map(|line| line.strip_prefix(word)) {
                return Some(line.trim().to_owned());
            }
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.said.push(line),
                Err(_) => return None,
            }
        }
    }

    /// Waits until it is ready; answers its name.
    pub fn ready(&mut self) -> String {
        let line = self.hear("ready", Duration::from_secs(60));
        let line = line.unwrap_or_else(|| panic!("{:?} is not ready: {:?}", self.manner, self.said));
        line.split_once(' ').map_or_else(String::new, |(_, name)| name.to_owned())
    }

    /// Lets it go on from where it pauses.
    pub fn go_on(&mut self) {
        if let Some(stdin) = &mut self.stdin {
            // It may be dead.
            let _ = writeln!(stdin, "go").and_then(|()| stdin.flush());
        }
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.id().to_string()]).status().expect("kill");
        assert!(status.success(), "kill -{name} {} failed", self.id());
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("its end");
        self.listen();
    }

    /// Has it end by itself; answers what it said.
    pub fn stop(mut self) -> Vec<String> {
        drop(self.stdin.take());
        self.child.wait().expect("its end");
        while let Ok(line) = self.lines.recv_timeout(Duration::from_secs(5)) {
            self.said.push(line);
        }
        std::mem::take(&mut self.said)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
