//! What a plan costs whoever compiles it: crates with 0, 1, 10 and 100 plans are built with their
//! dependencies ready, and the macro with what it depends on is built from nothing, beside `syn`.
//!
//! `cargo bench --bench compile_time`; `MIGRATE_BENCH_RUNS` sets how often, 5 by default. Nothing is
//! downloaded, and nothing is left behind. Builds are not incremental: with unchanged sources an
//! incremental one is spared most of the work, and would be measured at a third of its price.

#![allow(unreachable_pub, missing_docs)]

mod crates;
mod workshop;

use std::time::Duration;

use crates::{CLEAN, Clean, Plans, SHAPES};
use workshop::Workshop;

/// At most so much for each plan of one change, on top of an empty crate.
const MILLISECONDS_A_PLAN: f64 = 3.0;

/// At most so many times what `syn` takes.
const TIMES_SYN: f64 = 1.5;

/// At most so many bytes for a plan of one change, documentation aside.
const BYTES_A_PLAN: usize = 8 * 1024;

fn main() {
    let runs = std::env::var("MIGRATE_BENCH_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let workshop = Workshop::new().expect("a folder for the crates");
    plans(&workshop, runs);
    expansion(&workshop);
    clean(&workshop, runs.min(3));
}

fn plans(workshop: &Workshop, runs: usize) {
    let crates = Plans::all();
    workshop.write_plans(&crates).expect("the crates");
    println!("{:<34}{:>8}{:>10}{:>10}{:>14}", "crate", "plans", "least ms", "median", "ms a plan");
    for command in ["check", "build"] {
        workshop.cargo(&[command, "--quiet"]);
        let mut times = vec![Vec::new(); crates.len()];
        // In turn, so that what else the machine does falls on all of them.
        for _ in 0..runs {
            for (place, plans) in crates.iter().enumerate() {
                times[place].push(workshop.rebuilt(command, plans));
            }
        }
        let wall = |place: usize| least(times[place].iter().map(|took| took.wall));
        let processor = |place: usize| least(times[place].iter().map(|took| took.processor));
        for (place, plans) in crates.iter().enumerate() {
            let each = match plans.count {
                0 => String::new(),
                count => format!("{:.2}", (wall(place) - wall(0)) / count as f64),
            };
            let name = format!("{command}, {}", plans.shape.about);
            let median = median(times[place].iter().map(|took| took.wall));
            println!("{name:<34}{:>8}{:>10.0}{median:>10.0}{each:>14}", plans.count, wall(place));
        }
        for shape in &SHAPES {
            let place = |count: usize| {
                let same = |plans: &Plans| plans.count == count && plans.shape.name == shape.name;
                crates.iter().position(same).expect("a crate of each count")
            };
            let each = |from: usize, to: usize, of: &dyn Fn(usize) -> f64| {
                let place = |count: usize| if count == 0 { 0 } else { place(count) };
                (of(place(to)) - of(place(from))) / (to - from) as f64
            };
            let (wall, busy) = (each(10, 100, &wall), each(10, 100, &processor));
            // Other work on the machine makes a build wait, and costs it no processor time.
            let cost = if busy > 0.0 { busy } else { wall };
            println!(
                "{:<34}plans 11 to 100: {wall:.2} ms each, {busy:.2} ms of processors, {:.2} times the first ten",
                format!("{command}, {}", shape.about),
                busy / each(0, 10, &processor)
            );
            if shape.has_bar {
                println!("{}", verdict(cost <= MILLISECONDS_A_PLAN, &format!("{MILLISECONDS_A_PLAN} ms a plan")));
            }
        }
        println!();
    }
}

/// The size of what one plan becomes, as rustc prints it, without its indentation.
fn expansion(workshop: &Workshop) {
    for shape in &SHAPES {
        // A long text stands on a line of its own.
        let lines = workshop.expanded(&Plans { shape, count: 1 }).replace("#[doc =\n", "#[doc = ");
        let docs = |line: &&str| line.starts_with("#[doc");
        let (docs, code): (Vec<&str>, Vec<&str>) = lines.lines().map(str::trim_start).partition(docs);
        let bytes = |lines: &[&str]| lines.iter().map(|line| line.len() + 1).sum::<usize>();
        println!("{:<34}{:>8} bytes, and {} of documentation", shape.about, bytes(&code), bytes(&docs));
        if shape.has_bar {
            println!("{}", verdict(bytes(&code) <= BYTES_A_PLAN, &format!("{BYTES_A_PLAN} bytes a plan")));
        }
    }
    println!();
}

/// The macro crate with its dependencies from nothing, beside `syn` with the same features.
fn clean(workshop: &Workshop, runs: usize) {
    let mut times = vec![Vec::new(); CLEAN.len()];
    for _ in 0..runs {
        for (place, clean) in CLEAN.iter().enumerate() {
            times[place].push(workshop.all_anew(clean));
        }
    }
    let wall: Vec<f64> = times.iter().map(|times| least(times.iter().map(|took| took.wall))).collect();
    let processor: Vec<f64> = times.iter().map(|times| least(times.iter().map(|took| took.processor))).collect();
    println!("{:<34}{:>12}{:>16}", "clean build", "wall ms", "processor ms");
    for (place, Clean { about, .. }) in CLEAN.iter().enumerate() {
        println!("{about:<34}{:>12.0}{:>16.0}", wall[place], processor[place]);
    }
    let ratio = if processor[0] > 0.0 { processor[1] / processor[0] } else { wall[1] / wall[0] };
    println!("{:<34}{:>12.2}{:>16.2}", "times", wall[1] / wall[0], processor[1] / processor[0]);
    println!("{}", verdict(ratio <= TIMES_SYN, &format!("{TIMES_SYN} times syn")));
}

fn verdict(kept: bool, bar: &str) -> String {
    format!("    {} the bar of {bar}", if kept { "keeps" } else { "OVER" })
}

fn milliseconds(times: impl Iterator<Item = Duration>) -> Vec<f64> {
    let mut all: Vec<f64> = times.map(|time| time.as_secs_f64() * 1e3).collect();
    all.sort_by(f64::total_cmp);
    all
}

/// What else the machine does can only make a build longer.
fn least(times: impl Iterator<Item = Duration>) -> f64 {
    milliseconds(times).first().copied().unwrap_or_default()
}

fn median(times: impl Iterator<Item = Duration>) -> f64 {
    let all = milliseconds(times);
    all.get(all.len() / 2).copied().unwrap_or_default()
}
