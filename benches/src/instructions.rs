//! Instruction counts by callgrind, which are the same in every run, even on a busy machine.
//!
//! The program runs itself under valgrind twice, with N and 2 N runs of one case. The difference is the cost of N runs.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::case::Work;

const COUNT: &str = "--count";
/// Enough runs that the variation between runs (the seeds of hash maps) is less than one instruction.
const TIMES: u64 = 100_000;
/// The minimum of runs: longer cases vary less, in proportion.
const FEWEST: u64 = 200;

/// Runs one case and returns true, if this process was started to count its instructions.
pub fn is_counted(named: impl FnOnce(&str) -> Option<Work>) -> bool {
    let words: Vec<String> = std::env::args().skip_while(|word| word != COUNT).skip(1).collect();
    let [name, index, times] = &words[..] else { return false };
    let (Ok(index), Ok(times)) = (index.parse::<usize>(), times.parse()) else { return false };
    let Some(mut work) = named(name) else { return false };
    let Some(case) = work.cases.get_mut(index) else { return false };
    // Run the one-time initialisation first.
    case.run(10);
    case.run(times);
    true
}

/// Returns the number of runs for a case that takes this many nanoseconds.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the number is in range
pub fn times(nanos: f64) -> u64 {
    ((5e6 / nanos) as u64).clamp(FEWEST, TIMES)
}

/// Returns the instructions of each case of the work with this name, if valgrind is installed.
pub fn count(work: &str, times: &[u64], scratch: &Path) -> Option<Vec<f64>> {
    times.iter().enumerate().map(|(case, times)| difference(work, case, *times, scratch)).collect()
}

#[allow(clippy::cast_precision_loss)] // far below 2^52
fn difference(work: &str, case: usize, times: u64, scratch: &Path) -> Option<f64> {
    let once = total(work, case, times, scratch)?;
    let twice = total(work, case, 2 * times, scratch)?;
    Some((twice - once) as f64 / times as f64)
}

fn total(work: &str, case: usize, times: u64, scratch: &Path) -> Option<i64> {
    let file = scratch.join("callgrind.out");
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe().ok()?)
        .args([COUNT, work, &case.to_string(), &times.to_string()])
        .output()
        .ok()?;
    if !output.status.success() {
        return None;
    }
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
}
