//! What a person types to install PostgreSQL here.

use std::fs;

/// By the `ID` or `ID_LIKE` of os-release(5), or `macos`.
const COMMANDS: [(&[&str], &str); 6] = [
    (&["debian", "ubuntu"], "sudo apt-get install postgresql"),
    (&["fedora", "rhel", "centos"], "sudo dnf install postgresql-server"),
    (&["alpine"], "sudo apk add postgresql"),
    (&["arch"], "sudo pacman -S postgresql"),
    (&["suse", "opensuse"], "sudo zypper install postgresql-server"),
    (&["macos"], "brew install postgresql@17"),
];

/// The sentence for this machine.
pub(super) fn advice() -> String {
    let kinds = if cfg!(target_os = "macos") { vec!["macos".to_owned()] } else { kinds(&os_release()) };
    match command(&kinds) {
        Some(command) => format!("install one with `{command}`"),
        None => "install one with your system's package manager".to_owned(),
    }
}

fn command(kinds: &[String]) -> Option<&'static str> {
    kinds.iter().find_map(|kind| {
        let (_, command) = COMMANDS.iter().find(|(names, _)| names.contains(&kind.as_str()))?;
        Some(*command)
    })
}

fn os_release() -> String {
    // The second is where the first usually points to, and alone in some images.
    let files = ["/etc/os-release", "/usr/lib/os-release"];
    files.iter().find_map(|file| fs::read_to_string(file).ok()).unwrap_or_default()
}

/// The system's own `ID`, then those of its relatives, nearest first.
fn kinds(os_release: &str) -> Vec<String> {
    let value = |key: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim().trim_matches(['"', '\'']).to_owned()
    };
    let names = format!("{} {}", value("ID"), value("ID_LIKE"));
    names.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command_for(os_release: &str) -> Option<&'static str> {
        command(&kinds(os_release))
    }

    #[test]
    fn the_command_is_the_one_of_the_systems_family() {
        for (os_release, expected) in [
            ("NAME=x\nID=debian\n", "sudo apt-get install postgresql"),
            ("ID=ubuntu\nID_LIKE=debian\n", "sudo apt-get install postgresql"),
            ("ID_LIKE=\"ubuntu debian\"\nID=linuxmint\n", "sudo apt-get install postgresql"),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", "sudo dnf install postgresql-server"),
            ("ID=alpine\n", "sudo apk add postgresql"),
            ("ID=manjaro\nID_LIKE=arch\n", "sudo pacman -S postgresql"),
            ("ID='opensuse-leap'\nID_LIKE='suse opensuse'\n", "sudo zypper install postgresql-server"),
        ] {
            assert_eq!(command_for(os_release), Some(expected), "{os_release}");
        }
    }

    #[test]
    fn an_unknown_system_gets_no_wrong_command() {
        assert_eq!(command_for("ID=plan9\nVERSION_ID=debian\n"), None);
        assert_eq!(command_for(""), None);
    }
}
