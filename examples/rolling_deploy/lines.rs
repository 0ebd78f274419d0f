//! What the processes say to each other, a line of JSON each, through the pipes of their parent.

use std::io::{self, BufRead, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ledger::{Audit, Entry};

/// From the driver to a shop. The end of the input ends the shop.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToShop {
    /// An entry of the ledger of the shop before.
    Take(Entry),
    /// The ledger is whole: open.
    Open,
    /// Compare the whole ledger with the table.
    Audit,
}

/// From a shop to the driver.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromShop {
    /// On the list of instances under this name, connected, and waiting for its ledger.
    Ready { name: String },
    /// Its service did not start, and why.
    Refused(String),
    /// It uses the new side from here on, or not.
    Follows { new: bool },
    /// What each statement took since the last report, in µs.
    Took(Vec<u32>),
    /// A statement failed: SQLSTATE, what it did, and the message.
    Failed(String),
    /// A row that was read is not what was written.
    Wrong(String),
    /// The answer to [`ToShop::Audit`].
    Audited(Audit),
    /// An entry of its ledger.
    Give(Entry),
    /// The ledger was handed over.
    Closed,
}

/// From a worker to the driver.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// On the list of instances under this name, and its build is served.
    Serves {
        name: String,
    },
    Started {
        step: String,
    },
    Done {
        step: String,
        seconds: f64,
    },
    Batch {
        step: String,
        blocks_done: u64,
        blocks: u64,
        rows: u64,
    },
    /// Gates are closed, each with its evidence.
    Waits(Vec<String>),
    /// The plan is where the build wants it.
    Complete {
        position: String,
        side: String,
    },
    /// A pass ended early; it is tried again.
    Troubled(String),
    /// Its service did not start, and why.
    Refused(String),
}

/// Says a line to the parent. A parent that is gone hears nothing: the end of the input tells of it.
pub(crate) fn say(line: &impl Serialize) {
    let _ = write_line(&mut io::stdout().lock(), line);
}

pub(crate) fn write_line(to: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    to.write_all(text.as_bytes())?;
    to.flush()
}

/// The lines of a pipe, until its end or the first that is none of these.
pub(crate) fn read_lines<T: DeserializeOwned>(from: impl BufRead) -> impl Iterator<Item = T> {
    from.lines().map_while(|line| serde_json::from_str(&line.ok()?).ok())
}
