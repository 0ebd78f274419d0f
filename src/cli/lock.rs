//! `lock`: writes down what is released.

use std::env;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use migrate_plan::lock::{self as format, FILE, LockedPlan, VARIABLE};
use serde_json::{Value, json};

use super::{Answer, Context, Error};

/// Writes the lock file, to be committed with a release.
#[derive(Args)]
pub(super) struct Lock {
    /// Writes nothing, and exits with 1 where the file is not up to date.
    #[arg(long)]
    check: bool,

    /// The file, in place of `migrate.lock` beside `Cargo.toml`.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

impl Lock {
    pub(super) fn run(self, context: &mut Context<'_>) -> Result<Answer, Error> {
        let file = self.file.unwrap_or_else(default_file);
        let before = read(&file)?;
        let locked = before.clone().unwrap_or_default();
        let after = format::next(&locked, context.migrations).map_err(Error::Refused)?;
        let is_current = before.as_ref() == Some(&after);
        if !is_current && !self.check {
            write(&file, &after.to_string()).map_err(|source| Error::file(&file, "write", source))?;
        }
        let changes: Vec<Change<'_>> = after.plans.iter().map(|plan| Change::of(plan, &locked)).collect();
        if context.json {
            let plans: Vec<Value> = changes.iter().map(Change::json).collect();
            let written = !is_current && !self.check;
            context.line(
                &json!({ "file": file, "current": is_current, "written": written, "plans": plans }).to_string(),
            )?;
        } else if self.check {
            for line in changes.iter().flat_map(Change::diff) {
                context.line(&line)?;
            }
            let state = if is_current { "is up to date" } else { "is not up to date: run `lock`, and commit the file" };
            context.line(&format!("{} {state}", file.display()))?;
        } else {
            for change in &changes {
                context.line(&change.sentence())?;
            }
            let state = if is_current { "was up to date" } else { "is written" };
            context.line(&format!("{} {state}", file.display()))?;
        }
        Ok(if self.check && !is_current { Answer::No } else { Answer::Yes })
    }
}

/// Where the compiler looks for it, as far as the environment of this process says.
fn default_file() -> PathBuf {
    let folder = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let named = env::var_os(VARIABLE).filter(|path| !path.is_empty());
    named.map_or_else(|| folder.join(FILE), |path| folder.join(path))
}

fn read(file: &Path) -> Result<Option<format::Lock>, Error> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::file(file, "read", source)),
    };
    let lock = format::Lock::parse(&text);
    lock.map(Some).map_err(|damage| Error::Damaged { file: file.to_owned(), damage })
}

/// The file is whole at any time: a reader sees the old one or the new one.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let temporary = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = File::create_new(&temporary).and_then(|mut new| {
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&temporary, file)
    });
    if written.is_err() {
        // Whatever is left of it is of no use; that it cannot be removed either is no news.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// One plan before and after.
struct Change<'a> {
    before: Option<&'a LockedPlan>,
    after: &'a LockedPlan,
}

impl<'a> Change<'a> {
    /// A plan whose set has moved to another module of its crate is the same plan.
    fn of(after: &'a LockedPlan, locked: &'a format::Lock) -> Change<'a> {
        let of_name = || locked.plans.iter().filter(|plan| plan.name == after.name);
        let before = of_name()
            .find(|plan| plan.module == after.module)
            .or_else(|| of_name().find(|plan| plan.crate_name() == after.crate_name()));
        Change { before, after }
    }

    fn sentence(&self) -> String {
        let (name, stage) = (&self.after.name, self.after.stage);
        match self.before.map(|plan| plan.stage) {
            None => format!("{name}: new, at {stage}"),
            Some(before) if before == stage => format!("{name}: at {stage}, as before"),
            Some(before) if before < stage => format!("{name}: from {before} to {stage}"),
            Some(before) => format!("{name}: back from {before} to {stage}"),
        }
    }

    fn json(&self) -> Value {
        json!({
            "plan": self.after.name,
            "module": self.after.module,
            "before": self.before.map(|plan| plan.stage.as_str()),
            "stage": self.after.stage.as_str(),
        })
    }

    /// The lines of the plan's block that go and come; none where it stays as it is.
    fn diff(&self) -> Vec<String> {
        let before = self.before.map(ToString::to_string).unwrap_or_default();
        let after = self.after.to_string();
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let (before, after) = (lines(&before), lines(&after));
        if before == after {
            return Vec::new();
        }
        let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("-{line}"));
        let come = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+{line}"));
        let same = after.first().filter(|line| before.contains(line)).map(|line| format!(" {line}"));
        same.into_iter().chain(gone).chain(come).collect()
    }
}
