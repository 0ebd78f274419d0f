//! The text of a lock file.

use std::fmt;

use super::{Lock, LockedPlan};
use crate::plan::Stage;

/// The version of the format that is written, and the only one that is read.
const VERSION: &str = "1";

/// What stands above the plans.
const HEAD: &str = "\
# The plans that were released, as they were declared. The command `lock` writes this file, and the compiler holds
# every build against it. Commit it.
";

/// A line that no lock file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The number of the line, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
    /// What to do.
    pub help: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)?;
        if self.text.is_empty() { Ok(()) } else { write!(f, ": `{}`", self.text) }
    }
}

impl std::error::Error for Damage {}

const RESTORE: &str = "take the file back from version control";

impl Lock {
    /// Reads a lock file. Comments, empty lines, the kind of line ends and spaces around a line mean nothing.
    ///
    /// # Errors
    ///
    /// The first line that does not belong to a lock file of this version.
    pub fn parse(text: &str) -> Result<Lock, Damage> {
        let mut lock = Lock::default();
        let mut open: Option<Open> = None;
        let mut version = false;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut last = 0;
        for (number, line) in text.lines().enumerate().map(|(number, line)| (number + 1, line.trim_end())) {
            last = number;
            let inner = line.trim_start();
            if inner.is_empty() || inner.starts_with('#') {
                continue;
            }
            let damage = |problem, help| Damage { line: number, text: inner.to_owned(), problem, help };
            if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|mark| line.starts_with(mark)) {
                return Err(damage(
                    "a merge has left its mark",
                    "keep the plans of both sides, each once, and take the marks out",
                ));
            }
            if !version {
                match line.split_once(' ') {
                    Some(("version", VERSION)) => version = true,
                    Some(("version", _)) => {
                        return Err(damage(
                            "this format is of another version of `migrate`",
                            "build with the version that wrote it, or a later one",
                        ));
                    }
                    _ => return Err(damage("expected `version 1`", RESTORE)),
                }
                continue;
            }
            if inner.len() < line.len() {
                let Some(open) = &mut open else { return Err(damage("this line stands in no plan", RESTORE)) };
                open.declaration.push(inner.to_owned());
                continue;
            }
            match (line.split_once(' '), &mut open) {
                (Some(("plan", name)), _) => {
                    close(open.take(), &mut lock)?;
                    let declaration = Vec::new();
                    open = Some(Open {
                        line: number,
                        name: name.to_owned(),
                        module: String::new(),
                        stage: None,
                        declaration,
                    });
                }
                (Some(("in", module)), Some(open)) if open.module.is_empty() => open.module = module.to_owned(),
                (Some(("stage", stage)), Some(open)) if open.stage.is_none() => {
                    let stages = [Stage::DualWrite, Stage::Switch, Stage::Contract];
                    open.stage = stages.into_iter().find(|known| known.as_str() == stage);
                    if open.stage.is_none() {
                        return Err(damage("there is no such stage", RESTORE));
                    }
                }
                _ => return Err(damage("a lock file has no such line", RESTORE)),
            }
        }
        if !version {
            let problem = "the file ends before `version 1`";
            return Err(Damage { line: last.max(1), text: String::new(), problem, help: RESTORE });
        }
        close(open, &mut lock)?;
        lock.sort();
        Ok(lock)
    }

    pub(super) fn sort(&mut self) {
        self.plans.sort_by(|a, b| (&a.name, &a.module).cmp(&(&b.name, &b.module)));
    }
}

/// A plan that is being read.
struct Open {
    line: usize,
    name: String,
    module: String,
    stage: Option<Stage>,
    declaration: Vec<String>,
}

fn close(open: Option<Open>, lock: &mut Lock) -> Result<(), Damage> {
    let Some(Open { line, name, module, stage, declaration }) = open else { return Ok(()) };
    let damage = |problem, help, name: &str| Err(Damage { line, text: format!("plan {name}"), problem, help });
    let Some(stage) = stage else { return damage("this plan has no stage", RESTORE, &name) };
    if declaration.is_empty() {
        return damage("this plan has no declaration", RESTORE, &name);
    }
    if lock.plans.iter().any(|other| other.name == name && other.module == module) {
        return damage("this plan stands twice", "keep the one whose stage is later", &name);
    }
    lock.plans.push(LockedPlan { name, module, stage, declaration });
    Ok(())
}

/// The file.
impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}version {VERSION}")?;
        self.plans.iter().try_for_each(|plan| write!(f, "\n{plan}"))
    }
}

/// The plan's block in the file.
impl fmt::Display for LockedPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan {}", self.name)?;
        if !self.module.is_empty() {
            writeln!(f, "in {}", self.module)?;
        }
        writeln!(f, "stage {}", self.stage)?;
        self.declaration.iter().try_for_each(|line| writeln!(f, "  {line}"))
    }
}
