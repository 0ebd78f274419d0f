//! What a command could not do.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fmt, io};

use migrate_plan::lock::{Damage, Refusal};
use serde_json::json;

/// Why a command failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The arguments are not those of a command; or help was asked for.
    Usage(clap::Error),
    /// These transitions cannot be locked. Nothing was written.
    Refused(Vec<Refusal>),
    /// The lock file cannot be read as one. It was left as it is.
    Damaged {
        /// The file.
        file: PathBuf,
        /// Its first line that is wrong.
        damage: Damage,
    },
    /// A file could not be read or written.
    File {
        /// The file.
        file: PathBuf,
        /// What was tried: `read` or `write`.
        action: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// What was done could not be said.
    Output(io::Error),
}

impl From<clap::Error> for Error {
    fn from(error: clap::Error) -> Error {
        Error::Usage(error)
    }
}

impl Error {
    pub(super) fn file(file: &Path, action: &'static str, source: io::Error) -> Error {
        Error::File { file: file.to_owned(), action, source }
    }

    /// Prints it, and says how the process is to end.
    pub(super) fn report(&self, json: bool) -> ExitCode {
        match self {
            Error::Usage(usage) if !usage.use_stderr() => {
                print!("{usage}");
                return ExitCode::SUCCESS;
            }
            Error::Usage(usage) => eprint!("{usage}"),
            Error::Refused(refusals) if json => {
                let refused = refusals.iter().map(|refusal| {
                    json!({ "plan": refusal.plan(), "message": refusal.to_string(), "note": refusal.note(), "help": refusal.help() })
                });
                println!("{}", json!({ "refused": refused.collect::<Vec<_>>() }));
            }
            other if json => println!("{}", json!({ "error": other.to_string() })),
            other => eprintln!("error: {other}"),
        }
        ExitCode::from(if matches!(self, Error::Refused(_)) { 1 } else { 2 })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage(usage) => write!(f, "{usage}"),
            Error::Refused(refusals) => {
                for (place, refusal) in refusals.iter().enumerate() {
                    let between = if place == 0 { "" } else { "\nerror: " };
                    write!(f, "{between}{refusal}\nnote: {}\nhelp: {}", refusal.note(), refusal.help())?;
                }
                Ok(())
            }
            Error::Damaged { file, damage } => {
                write!(f, "{} is damaged: {damage}\nhelp: {}", file.display(), damage.help)
            }
            Error::File { file, action, source } => write!(f, "cannot {action} {}: {source}", file.display()),
            Error::Output(source) => write!(f, "cannot write the answer: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::File { source, .. } | Error::Output(source) => Some(source),
            Error::Damaged { damage, .. } => Some(damage),
            Error::Usage(usage) => Some(usage),
            Error::Refused(_) => None,
        }
    }
}
