//! Two sides in turn, so that what else the machine does befalls both: means and their ratio, in one table.
//!
//! A mean over long turns has its share of each checkpoint of the log; a median over short ones has none or all of it.

use std::time::{Duration, Instant};

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// How often the two sides take turns.
    pub(crate) rounds: usize,
    /// How many calls a turn has.
    pub(crate) calls: usize,
}

/// One line of the table: a call of ours over one that it is compared with.
pub(crate) struct Row {
    what: String,
    ours: Duration,
    theirs: Duration,
    target: Option<f64>,
}

impl Row {
    /// The ratio of the means.
    pub(crate) fn ratio(&self) -> f64 {
        self.ours.as_secs_f64() / self.theirs.as_secs_f64()
    }
}

/// Lets `ours` and `theirs` take turns; each is called with the number of the call.
pub(crate) fn compare(
    what: impl Into<String>,
    effort: Effort,
    target: Option<f64>,
    mut ours: impl FnMut(usize),
    mut theirs: impl FnMut(usize),
) -> Row {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for round in 0..effort.rounds {
        // Who begins changes too.
        for side in [round % 2, (round + 1) % 2] {
            let started = Instant::now();
            for call in 0..effort.calls {
                let number = round * effort.calls + call;
                if side == 0 { ours(number) } else { theirs(number) }
            }
            let each = started.elapsed() / u32::try_from(effort.calls).unwrap_or(1);
            if side == 0 { left.push(each) } else { right.push(each) }
        }
    }
    Row { what: what.into(), ours: mean(&left), theirs: mean(&right), target }
}

fn mean(times: &[Duration]) -> Duration {
    times.iter().sum::<Duration>() / u32::try_from(times.len()).unwrap_or(1)
}

/// Prints the table, with the machine and the versions that it was measured on.
pub(crate) fn print(rows: &[Row]) {
    let machine = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        machine.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1)).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("machine: {model}, {cores} cores, {} {}", std::env::consts::OS, std::env::consts::ARCH);
    println!("versions: aclite {}, SQLite {}", env!("CARGO_PKG_VERSION"), rusqlite::version());
    println!();
    println!("| what | ours µs | other µs | ratio | target | |");
    println!("|---|---:|---:|---:|---:|---|");
    for row in rows {
        let (target, met) = match row.target {
            Some(target) if row.ratio() <= target => (format!("≤ {target}"), "met"),
            Some(target) => (format!("≤ {target}"), "missed"),
            None => ("–".to_owned(), ""),
        };
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        println!(
            "| {} | {:.1} | {:.1} | {:.2} | {target} | {met} |",
            row.what,
            micros(row.ours),
            micros(row.theirs),
            row.ratio()
        );
    }
}
