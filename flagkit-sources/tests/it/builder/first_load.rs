//! A write between the first load and the start of the watch is detected, and so is a write at any other moment of the
//! start.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::{self, TestDir, document, is_on, pause, wait_until};
use flagkit_core::source::{Load, LoadError, Provenance, Publisher, Source};
use flagkit_sources::{Builder, File, Notify};

/// A file that is rewritten right after it was loaded.
struct WrittenInBetween {
    file: File,
    path: PathBuf,
    by_rename: bool,
}

impl Source for WrittenInBetween {
    fn provenance(&self) -> Provenance {
        self.file.provenance()
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        let load = self.file.load();
        if self.by_rename {
            let new = self.path.with_extension("new");
            fs::write(&new, document("checkout", true)).expect("written");
            fs::rename(new, &self.path).expect("moved");
        } else {
            fs::write(&self.path, document("checkout", true)).expect("written");
        }
        load
    }

    fn run(&mut self, publisher: &Publisher) {
        self.file.run(publisher);
    }
}

#[test]
fn written_between_the_load_and_the_watch() {
    for by_rename in [false, true] {
        for poll in [false, true] {
            let folder = TestDir::new();
            folder.write(document("checkout", false));
            let file = File::new(folder.flags());
            // The poll must not find it late, so the interval is an hour, beyond the deadline.
            let file = if poll {
                file.notify(Notify::Off).poll_every(Duration::from_millis(20))
            } else {
                file.poll_every(Duration::from_secs(3_600))
            };
            let guard = Builder::new()
                .source(WrittenInBetween { file, path: folder.flags(), by_rename })
                .start()
                .expect("starts");
            wait_until("the write is seen", || is_on(&guard, "checkout"));
        }
    }
}

/// A thread writes at a different moment of the start each time, and no poll helps.
#[test]
fn written_at_any_moment_of_the_start() {
    for n in 0..60_u64 {
        let folder = TestDir::new();
        folder.write(document("checkout", false));
        // The file is older than a clock tick, so that the load does not read it twice.
        pause(Duration::from_millis(if n % 2 == 0 { 0 } else { 110 }));
        let guard = std::thread::scope(|scope| {
            scope.spawn(|| {
                pause(Duration::from_micros(n * 50));
                folder.write(document("checkout", true));
            });
            support::start(File::new(folder.flags()).poll_every(Duration::from_secs(3_600)))
        });
        wait_until(&format!("the write of round {n} is seen"), || is_on(&guard, "checkout"));
    }
}

#[test]
fn created_between_the_load_and_the_watch() {
    let folder = TestDir::new();
    let file = File::new(folder.flags()).poll_every(Duration::from_secs(3_600));
    let guard = Builder::new()
        .source(WrittenInBetween { file, path: folder.flags(), by_rename: true })
        .start()
        .expect("starts in the dark");
    wait_until("the file is seen", || is_on(&guard, "checkout"));
}
