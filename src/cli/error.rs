//! What a command could not do.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fmt, io};

use migrate_plan::lock::{Damage, Refusal};
use postgres::error::SqlState;
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
    /// No database is named.
    NoDatabase,
    /// The program has no such plan.
    UnknownPlan {
        /// The plan asked for.
        plan: String,
        /// The plans that it has.
        known: Vec<String>,
    },
    /// What was asked for can hurt, and nobody has said that it is meant.
    Unconfirmed {
        /// The plan.
        plan: String,
        /// What speaks against it.
        why: String,
    },
    /// The runner could not do it.
    Run(crate::Error),
    /// What was done could not be said.
    Output(io::Error),
}

impl From<clap::Error> for Error {
    fn from(error: clap::Error) -> Error {
        Error::Usage(error)
    }
}

impl From<crate::Error> for Error {
    fn from(error: crate::Error) -> Error {
        Error::Run(error)
    }
}

impl Error {
    /// Whether it is an answer: what was asked for is not allowed, and nothing was done.
    fn is_refusal(&self) -> bool {
        use crate::Error as Run;
        matches!(
            self,
            Error::Refused(_)
                | Error::Unconfirmed { .. }
                | Error::Run(
                    Run::NotRevertible { .. }
                        | Run::NotReady { .. }
                        | Run::NotHoldable { .. }
                        | Run::NotAcknowledged { .. }
                        | Run::NotALimit { .. }
                        | Run::NotVerifiable { .. }
                        | Run::NotBaseline { .. }
                )
        )
    }

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
            Error::Usage(_) => eprint!("{self}"),
            Error::Refused(refusals) if json => {
                let refused = refusals.iter().map(|refusal| {
                    json!({ "plan": refusal.plan(), "message": refusal.to_string(), "note": refusal.note(), "help": refusal.help() })
                });
                println!("{}", json!({ "refused": refused.collect::<Vec<_>>() }));
            }
            other if json => println!("{}", json!({ "error": other.to_string() })),
            other => eprintln!("error: {other}"),
        }
        ExitCode::from(if self.is_refusal() { 1 } else { 2 })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Usage(usage) => f.write_str(&without_credentials(&usage.to_string())),
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
            Error::NoDatabase => f.write_str("no database is named\nhelp: set DATABASE_URL, or give `--database-url`"),
            Error::UnknownPlan { plan, known } => {
                write!(f, "this program has no plan `{plan}`\nhelp: its plans are {}", known.join(", "))
            }
            Error::Unconfirmed { plan, why } => write!(
                f,
                "reverting `{plan}` drops its new columns, and {why}\n  nothing was changed\n\
                 help: first `revert {plan} --to dual_write`, and let every process follow; then `revert {plan} --yes`"
            ),
            Error::Run(error) => {
                write!(f, "{error}")?;
                if matches!(error, crate::Error::Database(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE))
                {
                    f.write_str("\nhelp: connect as the role that runs the migrations")?;
                }
                Ok(())
            }
            Error::Output(source) => write!(f, "cannot write the answer: {source}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::File { source, .. } | Error::Output(source) => Some(source),
            Error::Damaged { damage, .. } => Some(damage),
            Error::Run(error) => Some(error),
            Error::Usage(usage) => Some(usage),
            Error::Refused(_) | Error::NoDatabase | Error::UnknownPlan { .. } | Error::Unconfirmed { .. } => None,
        }
    }
}

/// An address that stands where none belongs is shown without user and password.
fn without_credentials(text: &str) -> String {
    let mut parts = text.split("://");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let address = part.split([' ', '\n']).next().unwrap_or_default();
        let rest = address.rfind('@').map_or(part, |at| &part[at..]);
        shown.push_str("://");
        if rest.len() < part.len() {
            shown.push('…');
        }
        shown.push_str(rest);
    }
    shown
}
