//! The time from the first line of a program to its first evaluation, and from a file change to its flags.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flagkit_core::{Event, flag};
use flagkit_sources::{Builder, File};

use crate::rounds::quantile;
use crate::table::Table;

const START: &str = "--start";

fn write(file: &Path, on: bool) {
    let lines = (0..99).map(|index| format!("feature-{index} = {}", index % 2 == 0));
    let lines: Vec<String> = ["[flags]".to_owned(), format!("asked = {on}")].into_iter().chain(lines).collect();
    let new = file.with_extension("new");
    fs::write(&new, lines.join("\n")).expect("it can be written");
    fs::rename(new, file).expect("it can be moved");
}

/// Starts, reads a flag, prints the duration and returns true, if this process was started to measure that.
pub fn is_started() -> bool {
    let begin = Instant::now();
    let Some(file) = std::env::args().skip_while(|word| word != START).nth(1) else { return false };
    let _guard = flagkit_sources::watch(file).expect("the file is good");
    assert!(flag!("asked"));
    println!("{}", begin.elapsed().as_nanos());
    true
}

/// Measures repeated starts of a program with a hundred flags.
pub fn table(rounds: usize) -> Table {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("flags.toml");
    write(&file, true);
    // A file that was written recently is read twice.
    std::thread::sleep(Duration::from_millis(200));
    let micros = |_| {
        let output = Command::new(std::env::current_exe().expect("this program")).arg(START).arg(&file).output();
        let output = String::from_utf8(output.expect("it starts").stdout).expect("digits");
        output.trim().parse::<f64>().expect("a number of nanoseconds") / 1e3
    };
    let micros: Vec<f64> = (0..rounds).map(micros).collect();
    let title = "From the first line of a program to its first evaluation: a hundred flags, a file and the environment";
    let mut table = Table::new("start", title, &["starts", "µs, median", "µs, 90 %"]);
    let count = f64::from(u32::try_from(rounds).unwrap_or(u32::MAX));
    table.push([count.into(), quantile(micros.clone(), 0.5).into(), quantile(micros, 0.9).into()]);
    table
}

/// Replaces a file repeatedly, and waits until each change is published.
pub fn change(rounds: usize) -> Table {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("flags.toml");
    write(&file, false);
    let guard = Builder::new().source(File::new(&file)).start().expect("the file is good");
    let (seen, sightings) = mpsc::channel();
    let flags = guard.flags().clone();
    let _subscription = guard.flags().subscribe(move |event| {
        if let Event::Changed(_) = event {
            let _ = seen.send((flags.is_on("asked", &()), Instant::now()));
        }
    });
    let millis = |round: usize| {
        // Wait first, as an operator does: no other change is in progress.
        std::thread::sleep(Duration::from_millis(150));
        let (on, begin) = (round % 2 == 0, Instant::now());
        write(&file, on);
        let (state, at) = sightings.recv_timeout(Duration::from_secs(20)).expect("it is seen");
        assert_eq!(state, on, "changes are seen in order");
        (at - begin).as_secs_f64() * 1e3
    };
    let millis: Vec<f64> = (0..rounds).map(millis).collect();
    let title = "From the rename of a file to the flags: a hundred flags, inotify";
    let mut table = Table::new("change", title, &["changes", "ms, median", "ms, 99 %"]);
    let count = f64::from(u32::try_from(rounds).unwrap_or(u32::MAX));
    table.push([count.into(), quantile(millis.clone(), 0.5).into(), quantile(millis, 0.99).into()]);
    table
}
