//! A writer truncates the file and rewrites it in pieces, with pauses, thousands of times. Readers only ever get one of
//! the two whole documents.

use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{self, Random, TestDir, pause, wait_until};
use flagkit_core::{Event, Flags, Snapshot, Subscription};
use flagkit_sources::Guard;

const FLAGS_OF_A: usize = 1_200;
const FLAGS_OF_B: usize = 1_000;

/// A document of about 64 kB. The marker comes first in A and last in B, so that no prefix holds all flags.
fn text(document: char) -> String {
    let (count, on) = if document == 'A' { (FLAGS_OF_A, true) } else { (FLAGS_OF_B, false) };
    let mut text = String::from("[flags]\n");
    if document == 'A' {
        text += "doc = true\n";
    }
    for n in 0..count {
        // All flags use the short form, so each prefix that ends with a line is a valid document.
        writeln!(text, "flag-{n:04} = {on} # {:-<40}", "").expect("written");
    }
    if document == 'B' {
        text += "doc = false\n";
    }
    text
}

/// The document that a snapshot holds, or a description of a snapshot that holds neither.
fn document(snapshot: &Snapshot) -> Result<char, String> {
    let keys = snapshot.keys().count() - 1;
    let lit = snapshot.keys().filter(|key| snapshot.is_on(key.as_str(), &())).count();
    match (keys, lit, snapshot.is_on("doc", &())) {
        (FLAGS_OF_A, lit, true) if lit == FLAGS_OF_A + 1 => Ok('A'),
        (FLAGS_OF_B, 0, false) => Ok('B'),
        other => Err(format!("(flags, lit, doc) = {other:?}")),
    }
}

thread_local! {
    /// The longest time between two writes of a piece by this thread, which is the writer.
    static LONGEST_STOP: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Half of the shortest time for which the source waits while a writer has the file open, or without an event.
///
/// A writer that is stopped for longer than the source waits has, for any reader, finished its file.
const MAX_STOP: Duration = Duration::from_millis(75);

/// The number of runs if the machine stops the writer for longer than [`MAX_STOP`].
const RUNS: usize = 20;

/// Measures the time since the last write of a piece.
struct Stops(Instant);

impl Stops {
    fn next(&mut self) {
        LONGEST_STOP.set(LONGEST_STOP.get().max(self.0.elapsed()));
        self.0 = Instant::now();
    }
}

/// Rewrites the file in place, in pieces: usually a few pieces with short pauses.
fn rewrite(path: &Path, text: &str, random: &mut Random) {
    let mut stops = Stops(Instant::now());
    let mut file = fs::File::create(path).expect("truncated");
    let mut rest = text.as_bytes();
    let is_slow = random.below(20) == 0;
    pause(Duration::from_micros(random.below(if is_slow { 20_000 } else { 2_000 })));
    while !rest.is_empty() {
        let most = if is_slow { 8 << 10 } else { 64 << 10 };
        let len = usize::try_from(1 + random.below(most)).expect("small").min(rest.len());
        let (piece, left) = rest.split_at(len);
        file.write_all(piece).expect("written");
        stops.next();
        rest = left;
        pause(Duration::from_micros(random.below(if is_slow { 20_000 } else { 3_000 })));
    }
}

/// Replaces the file by a rename.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).expect("written");
    fs::rename(new, path).expect("moved");
}

/// Rewrites the file in place in two pieces; the first holds more than half of the flags.
fn rewrite_soon_after(path: &Path, text: &str, random: &mut Random) {
    let (begin, soon) = (Instant::now(), Duration::from_micros(random.below(400)));
    while begin.elapsed() < soon {
        std::hint::spin_loop();
    }
    let mut stops = Stops(Instant::now());
    let mut file = fs::File::create(path).expect("truncated");
    let (first, second) = text.split_at(text.len() * 9 / 10);
    file.write_all(first.as_bytes()).expect("written");
    stops.next();
    pause(Duration::from_millis(random.below(20)));
    file.write_all(second.as_bytes()).expect("written");
    stops.next();
}

/// The documents of all swaps, in order.
type Swaps = Arc<Mutex<Vec<Result<char, String>>>>;

/// A subscription that records the document of each swap, because one may be too short for the readers.
fn record_swaps(flags: &Flags) -> (Swaps, Subscription) {
    let seen = Swaps::default();
    let subscription = flags.subscribe({
        let (seen, flags) = (Arc::clone(&seen), flags.clone());
        move |event| {
            if let Event::Changed(_) = event {
                seen.lock().expect("no reader panics").push(document(&flags.snapshot()));
            }
        }
    });
    (seen, subscription)
}

/// Reads until `done` is set. Returns the description of a snapshot that holds neither document.
fn read(flags: &Flags, done: &AtomicBool) -> Option<String> {
    // A snapshot never changes, so a reader checks each revision once.
    let mut checked = None;
    while !done.load(Ordering::Relaxed) {
        let snapshot = flags.snapshot();
        if checked.replace(snapshot.revision()) != Some(snapshot.revision())
            && let Err(torn) = document(&snapshot)
        {
            return Some(torn);
        }
        thread::park_timeout(Duration::from_millis(2));
    }
    None
}

/// Writes B and A in turn, with a quiet moment after each `quiet_each` cycles.
fn write_in_turn(path: &Path, cycles: u64, quiet_each: u64, mixed: bool, random: &mut Random) {
    let (a, b) = (text('A'), text('B'));
    for cycle in 0..cycles {
        let next = if cycle % 2 == 0 { 'B' } else { 'A' };
        if mixed {
            // This exceeds the minimum time between two reports, so that the source handles the rename separately.
            pause(Duration::from_millis(60));
            replace(path, if next == 'A' { &b } else { &a });
            rewrite_soon_after(path, if next == 'A' { &a } else { &b }, random);
        } else {
            rewrite(path, &text(next), random);
        }
        // The distance is odd, so that both documents get a turn.
        if cycle % quiet_each == 0 {
            pause(Duration::from_millis(300));
        }
    }
}

/// Runs `cycles` cycles of the writer beside eight readers, with a quiet moment after each `quiet_each`.
///
/// A run with half a document proves nothing if the writer was stopped meanwhile, and is repeated.
fn check(cycles: u64, quiet_each: u64, least: usize, start: impl Fn(&Path) -> Guard, mixed: bool) {
    for _ in 0..RUNS {
        LONGEST_STOP.set(Duration::ZERO);
        let (torn, seen) = run(|path, random| write_in_turn(path, cycles, quiet_each, mixed, random), &start);
        let torn = torn.or_else(|| seen.iter().find_map(|seen| seen.clone().err()));
        let stop = LONGEST_STOP.get();
        match torn {
            None => {
                let count = |document| seen.iter().filter(|seen| **seen == Ok(document)).count();
                println!("A was accepted {} times, B {} times", count('A'), count('B'));
                assert!(count('A') >= least && count('B') >= least, "A {} times, B {} times", count('A'), count('B'));
                return;
            }
            Some(torn) => assert!(stop > MAX_STOP, "{torn}, and the writer was stopped for at most {stop:?}"),
        }
        println!("the writer was stopped for {stop:?}; another run");
    }
    panic!("the machine stopped the writer in each of {RUNS} runs");
}

/// Runs the writer beside eight readers. Returns what a reader got instead of a document, and all swaps.
fn run(
    write: impl Fn(&Path, &mut Random),
    start: impl Fn(&Path) -> Guard,
) -> (Option<String>, Vec<Result<char, String>>) {
    let folder = TestDir::new();
    let path = folder.flags();
    folder.write(text('A'));
    let guard = start(&path);
    let flags = guard.flags();
    assert_eq!(document(&flags.snapshot()), Ok('A'));

    let (seen, subscription) = record_swaps(flags);
    let done = AtomicBool::new(false);
    let torn = thread::scope(|scope| {
        let readers: Vec<_> = (0..8).map(|_| scope.spawn(|| read(flags, &done))).collect();
        let begin = Instant::now();
        let mut random = Random::new(17);
        write(&path, &mut random);
        println!("written in {:?}", begin.elapsed());
        rewrite(&path, &text('B'), &mut random);
        wait_until("the last one is published", || document(&flags.snapshot()) == Ok('B'));
        done.store(true, Ordering::Relaxed);
        readers.into_iter().find_map(|reader| reader.join().expect("no reader panics"))
    });
    drop(subscription);
    let seen = std::mem::take(&mut *seen.lock().expect("no reader panics"));
    (torn, seen)
}

#[test]
fn by_events() {
    check(2_000, 41, 20, support::follow, false);
}

#[test]
fn by_polling_only() {
    let poll = |path: &Path| support::poll(path, Duration::from_millis(20));
    check(200, 9, 5, poll, false);
}

/// The source accepts a renamed file at once. It must not treat the next direct write that way.
#[test]
fn also_while_another_writer_replaces_the_file_by_a_rename() {
    check(300, 21, 5, support::follow, true);
}

/// A link is pointed to a file that a writer has open since before. The rename of the link does not make it complete.
#[cfg(unix)]
#[test]
fn also_where_a_link_is_pointed_to_the_file() {
    let folder = TestDir::new();
    let release = |n: u32| folder.path(&format!("release-{n}"));
    let point_to = |n: u32| {
        let new = folder.path("current.new");
        std::os::unix::fs::symlink(release(n), &new).expect("a link");
        fs::rename(new, folder.path("current")).expect("renamed");
    };
    fs::create_dir(release(0)).expect("a directory");
    fs::write(release(0).join("flags.toml"), text('A')).expect("written");
    point_to(0);
    let guard = support::follow(&folder.path("current/flags.toml"));
    wait_until("the first check", || support::status(&guard).unchanged > 0);
    let flags = guard.flags();
    for round in 1..6 {
        let next = if round % 2 == 0 { 'A' } else { 'B' };
        fs::create_dir(release(round)).expect("a directory");
        let mut file = fs::File::create(release(round).join("flags.toml")).expect("created");
        let next_text = text(next);
        let line_end = next_text[..next_text.len() * 9 / 10].rfind('\n').expect("there are many lines") + 1;
        let (first, second) = next_text.split_at(line_end);
        file.write_all(first.as_bytes()).expect("written");
        point_to(round);
        // The file grows all the time, so that no two reads agree, even if this thread is slow.
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(60) {
            file.write_all(b"#\n").expect("written");
            assert_ne!(document(&flags.snapshot()).ok(), None, "half a file was published");
        }
        file.write_all(second.as_bytes()).expect("written");
        drop(file);
        wait_until("the whole is published", || document(&flags.snapshot()) == Ok(next));
    }
}
