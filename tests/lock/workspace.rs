//! A workspace of generated packages, built by Cargo in a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Packages beside each other, in one target folder that is kept from run to run.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// An empty one; what an earlier run has left under this name is removed.
    pub(crate) fn new(name: &str) -> Workspace {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lock").join(name);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).expect("a folder");
        // The versions that this workspace is built with are there already.
        fs::copy("Cargo.lock", root.join("Cargo.lock")).expect("the versions");
        fs::write(
            root.join("Cargo.toml"),
            "[workspace]\nmembers = [\"*\"]\nexclude = [\"target\"]\nresolver = \"3\"\n",
        )
        .expect("the workspace");
        Workspace { root }
    }

    /// The folder of a package.
    pub(crate) fn path(&self, package: &str) -> PathBuf {
        self.root.join(package)
    }

    /// Adds a package that depends on `migrate` and on what these lines of its manifest say.
    pub(crate) fn package(&self, name: &str, dependencies: &str, sources: &[(&str, &str)]) {
        let folder = self.path(name);
        fs::create_dir_all(folder.join("src")).expect("a folder");
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n\
             migrate = {{ path = {:?}, features = [\"cli\"] }}\n{dependencies}\n",
            env!("CARGO_MANIFEST_DIR")
        );
        fs::write(folder.join("Cargo.toml"), manifest).expect("the manifest");
        for (file, source) in sources {
            fs::write(folder.join("src").join(file), source).expect("the source");
        }
    }

    /// What the compiler says of each package that it says something of, with paths from the workspace's folder.
    pub(crate) fn check(&self) -> BTreeMap<String, String> {
        let output = self.cargo(&["check", "--keep-going", "--message-format=json"]);
        let lines = String::from_utf8(output.stdout).expect("messages in UTF-8");
        let mut said = BTreeMap::new();
        let mut seen = 0;
        for line in lines.lines() {
            let message: serde_json::Value = serde_json::from_str(line).expect("a message");
            seen += 1;
            let Some(rendered) = message["message"]["rendered"].as_str() else { continue };
            // The last line of a package counts its errors.
            if message["message"]["spans"].as_array().is_none_or(Vec::is_empty) {
                continue;
            }
            let package = message["target"]["name"].as_str().expect("a target").to_owned();
            let root = format!("{}/", self.root.display());
            said.entry(package).or_insert_with(String::new).push_str(&rendered.replace(&root, ""));
        }
        assert!(seen > 0, "Cargo said nothing: {}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Runs Cargo in the workspace.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO"))
            .args(arguments)
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("lock-target"))
            .env("CARGO_NET_OFFLINE", "true")
            .env_remove("MIGRATE_LOCK")
            .env_remove("RUSTFLAGS")
            .output()
            .expect("Cargo runs")
    }
}
