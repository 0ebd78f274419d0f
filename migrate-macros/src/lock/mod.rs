//! The lock file, as the macros see it: where it stands, and what it says of a plan.

mod check;

use std::env;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use migrate_plan::check::Problem;
use migrate_plan::lock::{Damage, FILE, Lock, VARIABLE};
use proc_macro2::TokenStream;
use quote::quote;

pub(crate) use check::check;

use crate::place::Place;

/// The lock file of the crate that is being compiled, where there is one.
pub(crate) struct LockFile {
    path: PathBuf,
    /// The crate that is being compiled: only its own plans are held against the file here. So plans of examples and
    /// tests, which are crates of their own, need no lock.
    pub(crate) crate_name: String,
    pub(crate) lock: Arc<Result<Lock, Damage>>,
}

/// The file that was read last. One process of the compiler reads it for every plan: it is parsed once, and its damage
/// is reported once.
static LAST: Mutex<Option<Last>> = Mutex::new(None);

struct Last {
    text: String,
    lock: Arc<Result<Lock, Damage>>,
    /// The plan that has reported the damage; empty where `migrations!` has.
    reporter: Option<String>,
    /// The plan that has the dependency on the file.
    dependent: Option<String>,
}

impl LockFile {
    /// Reads it. `None` where there is no file, and where nobody says which crate is compiled.
    pub(crate) fn read() -> Option<LockFile> {
        let crate_name = env::var("CARGO_CRATE_NAME").ok()?;
        let path = path()?;
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => return Some(LockFile { path, crate_name, lock: Arc::new(Err(unreadable(&error))) }),
        };
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = match &*last {
            Some(known) if known.text == text => Arc::clone(&known.lock),
            _ => {
                let lock = Arc::new(Lock::parse(&text));
                *last = Some(Last { text, lock: Arc::clone(&lock), reporter: None, dependent: None });
                lock
            }
        };
        Some(LockFile { path, crate_name, lock })
    }

    /// What makes Cargo build again when the file changes: once in a crate, by the first that asks.
    pub(crate) fn dependency(&self, plan: &str) -> TokenStream {
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let first = last.as_mut().map(|last| last.dependent.get_or_insert_with(|| plan.to_owned()));
        if first.is_some_and(|first| first != plan) {
            return TokenStream::new();
        }
        let path = self.path.to_string_lossy();
        quote!(
            const _: &[u8] = ::core::include_bytes!(#path);
        )
    }

    /// That the file cannot be read as one, unless another plan than `reporter` has said so.
    pub(crate) fn damage(&self, reporter: &str, place: Place) -> Option<Problem<Place>> {
        let damage = self.lock.as_ref().as_ref().err()?;
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let first = last.as_mut().map(|last| last.reporter.get_or_insert_with(|| reporter.to_owned()));
        if first.is_some_and(|first| first != reporter) {
            return None;
        }
        let problem = Problem::new(place, format!("the lock file is damaged: {damage}"))
            .note(format!("it is `{}`", self.path.display()))
            .help(damage.help);
        Some(problem)
    }
}

/// A file that is there and cannot be read must not look like none.
fn unreadable(error: &std::io::Error) -> Damage {
    let help = "make it a file that the compiler may read, or take it away: without it nothing is checked";
    Damage { line: 1, text: error.to_string(), problem: "it cannot be read", help }
}

/// Where the file stands: a relative path of the variable starts at the crate's folder too.
fn path() -> Option<PathBuf> {
    let folder = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    match env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) => Some(folder.unwrap_or_default().join(path)),
        None => Some(folder?.join(FILE)),
    }
}
