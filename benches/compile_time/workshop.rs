//! A folder in which crates are built, and that goes with the bench.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::crates::{Clean, Plans};

/// This repository.
const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// The folder.
pub struct Workshop {
    folder: PathBuf,
}

/// What a build took.
#[derive(Clone, Copy)]
pub struct Took {
    pub wall: Duration,
    /// Of all processes together.
    pub processor: Duration,
}

impl Workshop {
    pub fn new() -> io::Result<Workshop> {
        let folder = std::env::temp_dir().join(format!("migrate-compile-time-{}", std::process::id()));
        fs::create_dir(&folder)?;
        Ok(Workshop { folder })
    }

    /// One workspace with a crate for each number of plans.
    pub fn write_plans(&self, all: &[Plans]) -> io::Result<()> {
        let names: Vec<String> = all.iter().map(|plans| format!("{:?}", plans.name())).collect();
        let manifest = format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n", names.join(", "));
        fs::write(self.folder.join("Cargo.toml"), manifest)?;
        // The same versions as here, so that nothing is looked up.
        fs::copy(Path::new(REPOSITORY).join("Cargo.lock"), self.folder.join("Cargo.lock"))?;
        for plans in all {
            let dependency = format!("migrate = {{ path = {REPOSITORY:?} }}");
            package(&self.folder.join(plans.name()), &plans.name(), &dependency, &plans.source())?;
        }
        Ok(())
    }

    /// Builds a crate whose dependencies are ready.
    pub fn rebuilt(&self, command: &str, plans: &Plans) -> Took {
        let name = plans.name();
        fs::write(self.folder.join(&name).join("src/lib.rs"), plans.source()).expect("the crate's source");
        timed(|| {
            self.cargo(&[command, "--quiet", "--package", &name]);
        })
    }

    /// A crate as rustc prints it once all macros are expanded.
    pub fn expanded(&self, plans: &Plans) -> String {
        let name = plans.name();
        let output = self.cargo(&["rustc", "--quiet", "--package", &name, "--", "-Zunpretty=expanded"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Builds a crate and all it depends on, with nothing there before.
    pub fn all_anew(&self, clean: &Clean) -> Took {
        let folder = self.folder.join("clean");
        let dependency = format!("{}\n[workspace]", clean.dependency.replace('@', REPOSITORY));
        package(&folder, "clean", &dependency, "").expect("a crate");
        fs::copy(Path::new(REPOSITORY).join("Cargo.lock"), folder.join("Cargo.lock")).expect("the versions");
        let took = timed(|| {
            run(&folder, &["build", "--quiet"]);
        });
        fs::remove_dir_all(&folder).expect("the crate goes");
        took
    }

    pub fn cargo(&self, arguments: &[&str]) -> Output {
        run(&self.folder, arguments)
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{} is left behind: {error}", self.folder.display());
        }
    }
}

fn package(folder: &Path, name: &str, dependency: &str, source: &str) -> io::Result<()> {
    fs::create_dir_all(folder.join("src"))?;
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependency}\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src/lib.rs"), source)
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO"))
        .arg("--offline")
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("CARGO_INCREMENTAL", "0")
        // For `-Zunpretty` alone.
        .env("RUSTC_BOOTSTRAP", "1")
        .output()
        .expect("cargo");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn timed(work: impl FnOnce()) -> Took {
    let (begun, used) = (Instant::now(), processor());
    work();
    Took { wall: begun.elapsed(), processor: processor().saturating_sub(used) }
}

/// What processes that ended have used of the processors, as Linux counts it: proc(5), fields 16 and 17, in
/// hundredths of a second. Nothing elsewhere.
fn processor() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let hundredths: u64 =
        fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * hundredths)
}
