//! A custom source: a directory with one file per flag, in the style of `conf.d`.
//!
//! `touch flags.d/new-checkout` turns the flag on, `rm flags.d/new-checkout` turns it off.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, sync::mpsc};

use flagkit_core::source::{Load, LoadError, Problem, Provenance, Publisher, Source, Wake};
use flagkit_core::{Event, Flag, FlagKey, FlagSet};
use flagkit_sources::Builder;

struct Directory(PathBuf);

impl Source for Directory {
    fn provenance(&self) -> Provenance {
        Provenance::new(format!("dir:{}", self.0.display()))
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        let entries =
            fs::read_dir(&self.0).map_err(|error| LoadError::new("cannot list the directory").with_cause(error))?;
        let (mut flags, mut problems) = (FlagSet::new(), Vec::new());
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            match FlagKey::new(&name) {
                Ok(key) => flags.insert(key, Flag::on()),
                Err(error) => problems.push(Problem::new(name, error.to_string(), "a file named as a flag")),
            }
        }
        Ok(Load::new(flags).with_problems(problems))
    }

    fn run(&mut self, publisher: &Publisher) {
        while publisher.wait(Duration::from_millis(20)) != Wake::Stopped {
            publisher.submit(self.load());
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let guard = Builder::new().source(Directory(dir.path().to_owned())).start()?;
    let (sender, changes) = mpsc::channel();
    let _subscription = guard.flags().subscribe(move |event| {
        if let Event::Changed(change) = event {
            let _ = sender.send(change.keys.to_vec());
        }
    });
    assert!(!guard.flags().is_on("new-checkout", &()));

    fs::write(dir.path().join("new-checkout"), "")?;
    assert_eq!(changes.recv_timeout(Duration::from_secs(60))?, [FlagKey::new("new-checkout")?]);
    println!("{}", guard.flags().evaluate("new-checkout", &()));
    assert!(guard.flags().is_on("new-checkout", &()));
    Ok(())
}
