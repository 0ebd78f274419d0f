//! Tells on standard error what happens and why; with moving parts where that is a terminal.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

const SPINNER: &str = "{spinner:.cyan} {msg}";
const BAR: &str = "{spinner:.cyan} {msg} [{bar:40.cyan/dim}] {percent}% of {human_len} blocks";

/// No line is longer.
const WIDTH: usize = 118;

/// Lists within what is told are indented by no more.
const INDENT: usize = 2;

/// The driver's voice.
pub(crate) struct Narration {
    bar: ProgressBar,
    headings: u32,
}

impl Narration {
    pub(crate) fn new() -> Narration {
        let bar = if stderr().is_terminal() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.enable_steady_tick(Duration::from_millis(100));
        Narration { bar, headings: 0 }
    }

    /// A phase begins.
    pub(crate) fn heading(&mut self, name: &str, why: &str) {
        self.headings += 1;
        self.say(&format!("\n{}  {name}\n   {why}", self.headings));
        self.working(name);
    }

    /// Something happened.
    pub(crate) fn tell(&self, what: &str) {
        for (number, line) in what.lines().enumerate() {
            self.say(&wrapped(line, if number == 0 { "   · " } else { "     " }));
        }
    }

    /// A line of its own.
    pub(crate) fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            eprintln!("{line}");
        } else {
            self.bar.println(line);
        }
    }

    /// Shows what goes on, on the line that moves.
    pub(crate) fn working(&self, what: &str) {
        self.style(SPINNER);
        self.bar.set_message(what.to_owned());
    }

    /// Shows how far a job is.
    pub(crate) fn progress(&self, job: &str, blocks_done: u64, blocks: u64) {
        self.style(BAR);
        self.bar.set_length(blocks);
        self.bar.set_position(blocks_done);
        self.bar.set_message(job.to_owned());
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }
}

impl Drop for Narration {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A line after `margin`, broken at spaces where it is too long. What it is broken into keeps its indent.
pub(crate) fn wrapped(line: &str, margin: &str) -> String {
    let text = line.trim_start();
    let indent = " ".repeat((line.len() - text.len()).min(INDENT));
    let hanging = " ".repeat(margin.chars().count());
    let mut lines = vec![format!("{margin}{indent}")];
    let mut is_begun = false;
    for word in text.split(' ') {
        let room = WIDTH.saturating_sub(lines.last().map_or(0, |line| line.chars().count() + 1));
        match lines.last_mut() {
            Some(line) if !is_begun => line.push_str(word),
            Some(line) if word.chars().count() <= room => line.extend([" ", word]),
            _ => lines.push(format!("{hanging}{indent}{word}")),
        }
        is_begun = true;
    }
    lines.join("\n")
}

/// `200,000`
pub(crate) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}
