//! A new data folder and its configuration.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::Output;

use super::account::{Account, command};
use super::binaries::Binaries;
use super::error::ScratchError;
use super::folder::{ScratchFolder, file_error};
use super::process;

/// Room for many parallel tests, for prepared transactions, and no care for a crash of the machine.
/// `synchronous_commit` and `wal_level` stay as they are: what is tested may depend on them.
const SETTINGS: [(&str, &str); 6] = [
    ("listen_addresses", ""),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("max_connections", "200"),
    ("max_prepared_transactions", "20"),
    ("shared_buffers", "128MB"),
];

/// Makes the data folder inside `folder`, in UTF-8 and with the same sort order on every machine.
pub(super) fn initdb(
    binaries: &Binaries,
    account: Option<&Account>,
    folder: &ScratchFolder,
) -> Result<(), ScratchError> {
    let mut output = run(binaries, account, folder, "C.UTF-8")?;
    // macOS and old C libraries have no C.UTF-8.
    if !output.status.success() && process::printed(&output).contains("locale") {
        output = run(binaries, account, folder, "C")?;
    }
    if output.status.success() {
        return Ok(());
    }
    Err(ScratchError::InitDb { output: process::printed(&output) })
}

fn run(
    binaries: &Binaries,
    account: Option<&Account>,
    folder: &ScratchFolder,
    locale: &str,
) -> Result<Output, ScratchError> {
    process::output(
        command(&binaries.initdb(), account)
            .arg("-D")
            .arg(folder.data())
            .args(["--no-sync", "--no-instructions", "--encoding=UTF8", "--auth=trust"])
            .args(["--username=postgres", &format!("--locale={locale}")])
            .current_dir(folder.path()),
    )
}

/// Writes our settings into the configuration file of a new data folder, and these after them.
pub(super) fn configure(folder: &ScratchFolder, settings: &[(String, String)]) -> Result<(), ScratchError> {
    let ours = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    add(folder, &ours)?;
    add(folder, settings)
}

/// Adds settings to the configuration file rather than to the command line, where they would win over
/// `ALTER SYSTEM`. A later setting wins over an earlier one.
pub(super) fn add(folder: &ScratchFolder, settings: &[(String, String)]) -> Result<(), ScratchError> {
    let lines: String = settings.iter().map(|(name, value)| line(name, value)).collect();

    let path = folder.data().join("postgresql.conf");
    OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(lines.as_bytes()))
        .map_err(|source| file_error("write to", &path, source))
}

fn line(name: &str, value: &str) -> String {
    let value = value.replace('\\', r"\\").replace('\'', "''").replace('\n', r"\n");
    format!("{name} = '{value}'\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_stays_on_its_line() {
        assert_eq!(line("work_mem", "64MB"), "work_mem = '64MB'\n");
        let value = "it's 5\\m\nport = 1";
        assert_eq!(line("log_line_prefix", value), "log_line_prefix = 'it''s 5\\\\m\\nport = 1'\n");
    }
}
