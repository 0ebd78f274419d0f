//! How long what an operator sets lasts.

use std::time::Duration;

use clap::Args;

/// For how long.
#[derive(Args)]
pub(super) struct Lasting {
    /// Ends it by itself after this time: `90s`, `30m`, `2h`, `1day`.
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    lasting: Option<Duration>,
}

impl Lasting {
    pub(super) fn duration(&self) -> Option<Duration> {
        self.lasting
    }

    pub(super) fn seconds(&self) -> Option<u64> {
        self.lasting.map(|lasting| lasting.as_secs())
    }

    /// It for people; `without` where it has no end.
    pub(super) fn or(&self, without: &str) -> String {
        self.lasting
            .map_or_else(|| without.to_owned(), |lasting| format!("for {}", humantime::format_duration(lasting)))
    }
}
