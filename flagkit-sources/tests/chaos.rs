//! A file and a server fail in every way at random. Readers only ever get documents that were whole and valid, never
//! the default. Each repair is detected.
//!
//! The test takes thirty seconds with a random seed. Set another time and seed with `FLAGKIT_CHAOS_SECONDS=600
//! FLAGKIT_CHAOS_SEED=7`. It has a binary of its own, because it loads all processors.

#![cfg(all(unix, feature = "http"))]

#[path = "it/support/mod.rs"]
mod support;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use flagkit_core::{Flags, Snapshot};
use flagkit_sources::{Builder, File, Guard, OnFailedStart};
use support::stub::{Request, STREAM, Stub, answer, chunk, document, eager, event};
use support::{Random, TestDir, pause, wait_until};

const READERS: usize = 8;

/// A document that names its generation in its first and last flags, with other flags between them.
fn text(layer: &str, generation: u64) -> String {
    let mut text = String::from("[flags]\n");
    for folder in ["first", "last"] {
        let _ = writeln!(text, "{layer}-{folder} = {{ on = true, variants = {{ g{generation} = 1 }} }}");
        if folder == "first" {
            for n in 0..200 {
                let _ = writeln!(text, "{layer}-filler-{n} = true");
            }
        }
    }
    text
}

/// An invalid document. A variant named `bad` would reveal that it was accepted.
fn bad(layer: &str, random: &mut Random) -> String {
    let text = text(layer, 0).replace("g0", "bad");
    match random.below(3) {
        0 => text + "= = 1\n",
        1 => "[flags]\n[flags]\n".to_owned() + &text,
        _ => text.replace("[flags]", "[[flags]]"),
    }
}

/// The server's reaction to a request.
#[derive(Clone, Debug)]
enum Mode {
    Good(u64),
    Responds(String),
    /// Sends this much and then nothing more.
    Hangs(String),
    HangsUp,
}

fn break_server(random: &mut Random, generation: u64) -> Mode {
    let whole = document("cut", &text("http", generation).replace('g', "b"));
    let cut = usize::try_from(random.below(whole.len() as u64)).expect("small");
    let toml = "content-type: application/toml\r\n";
    match random.below(14) {
        0 => Mode::HangsUp,
        1 => Mode::Responds(answer("500 Internal Server Error", "", "no")),
        2 => Mode::Responds(answer("404 Not Found", "", "no")),
        3 => Mode::Responds(answer("401 Unauthorized", "", "no")),
        4 => Mode::Responds(answer("200 OK", "content-type: text/html\r\n", "<html>")),
        5 => Mode::Responds(answer("200 OK", toml, "")),
        6 => Mode::Responds(document("bad", &bad("http", random))),
        7 => Mode::Responds(whole[..cut].to_owned()),
        8 => Mode::Hangs(whole[..cut].to_owned()),
        9 => Mode::Responds(format!("HTTP/1.1 200 OK\r\n{toml}\r\n{}", bad("http", random))),
        10 => Mode::Responds(answer("302 Found", "location: http://127.0.0.1:1/\r\n", "")),
        11 => Mode::Responds("SSH-2.0-OpenSSH_9.2\r\n".to_owned()),
        12 => Mode::Responds(answer("200 OK", &format!("{toml}content-encoding: gzip\r\n"), "no gzip")),
        _ => Mode::Responds(format!("{STREAM}{}", chunk(&event("bad", &bad("http", random))))),
    }
}

/// Responds by the mode; a stream follows each change of the mode.
fn serve(mode: &Mutex<Mode>, streams: &AtomicBool, request: &Request, stream: &mut TcpStream) -> bool {
    let now = || mode.lock().expect("no panic").clone();
    match now() {
        Mode::Good(generation) if request.is_stream_request() && streams.load(Ordering::SeqCst) => {
            let send = |stream: &mut TcpStream, generation| {
                let event = event(&format!("g{generation}"), &text("http", generation));
                stream.write_all(chunk(&event).as_bytes()).is_ok()
            };
            let mut last_sent = generation;
            let mut lives = stream.write_all(STREAM.as_bytes()).is_ok() && send(stream, generation);
            while lives && streams.load(Ordering::SeqCst) {
                pause(Duration::from_millis(5));
                lives = match now() {
                    Mode::Good(generation) if generation != last_sent => {
                        last_sent = generation;
                        send(stream, generation)
                    }
                    Mode::Good(_) => stream.write_all(chunk(": here\n\n").as_bytes()).is_ok(),
                    Mode::Responds(rubbish) => {
                        let _ = stream.write_all(rubbish.as_bytes());
                        false
                    }
                    Mode::Hangs(_) => true,
                    Mode::HangsUp => false,
                };
            }
            false
        }
        Mode::Good(generation) => {
            let tag = format!("g{generation}");
            let answer = match request.header("if-none-match") {
                Some(known) if known == format!("\"{tag}\"") => answer("304 Not Modified", "", ""),
                _ => document(&tag, &text("http", generation)),
            };
            stream.write_all(answer.as_bytes()).is_ok()
        }
        Mode::Responds(answer) => stream.write_all(answer.as_bytes()).is_ok() && answer.starts_with("HTTP/1.1 3"),
        Mode::Hangs(start) => {
            let _ = stream.write_all(start.as_bytes());
            while matches!(now(), Mode::Hangs(_)) {
                pause(Duration::from_millis(5));
            }
            false
        }
        Mode::HangsUp => false,
    }
}

fn remove(path: &Path) {
    let _ = fs::remove_dir(path);
    let _ = fs::remove_file(path);
}

fn break_file(path: &Path, random: &mut Random) {
    match random.below(8) {
        0 => remove(path),
        1 => fs::write(path, "").expect("written"),
        2 => fs::write(path, bad("file", random)).expect("written"),
        3 => fs::write(path, [0xFF, 0xFE, 0x00, 0x41]).expect("written"),
        4 => {
            remove(path);
            fs::create_dir(path).expect("made");
        }
        5 => {
            remove(path);
            let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
            assert!(made.success());
        }
        6 => {
            remove(path);
            std::os::unix::fs::symlink("nowhere", path).expect("linked");
        }
        // A writer that is repaired below has written a part of the text.
        _ => {
            let text = bad("file", random);
            fs::write(path, &text[..text.len() / 3]).expect("written");
        }
    }
}

fn repair_file(path: &Path, generation: u64, random: &mut Random) {
    let text = text("file", generation);
    if !path.is_file() || fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()) {
        remove(path);
    }
    if random.below(2) == 0 {
        let new = path.with_extension("new");
        fs::write(&new, &text).expect("written");
        fs::rename(new, path).expect("moved");
    } else {
        // The writer works in pieces, with pauses between them.
        let mut file = fs::File::create(path).expect("made");
        for piece in text.as_bytes().chunks(1_000) {
            file.write_all(piece).expect("written");
            pause(Duration::from_millis(random.below(20)));
        }
    }
}

/// The generation of a layer's flags, or `None` before the first load.
fn generation(snapshot: &Snapshot, layer: &str) -> Option<u64> {
    let name = |folder: &str| snapshot.variant(&format!("{layer}-{folder}"), "u1").map(|found| found.name().to_owned());
    let (first, last) = (name("first")?, name("last"));
    assert_eq!(Some(&first), last.as_ref(), "half a document counts");
    let number = first.strip_prefix('g').and_then(|number| number.parse().ok());
    Some(number.unwrap_or_else(|| panic!("a document counts that was never good: {first}")))
}

fn current(flags: &Flags, layer: &str) -> Option<u64> {
    generation(&flags.snapshot(), layer)
}

/// Reads until `stop` is set; returns the number of reads.
fn read(flags: &Flags, written: &[AtomicU64; 2], stop: &AtomicBool) -> u64 {
    let mut reads = 0;
    let mut seen = [0, 0];
    while !stop.load(Ordering::Relaxed) {
        let snapshot = flags.snapshot();
        for (index, layer) in ["file", "http"].into_iter().enumerate() {
            let generation = generation(&snapshot, layer).unwrap_or_else(|| panic!("{layer} returned the default"));
            assert!(
                generation <= written[index].load(Ordering::SeqCst),
                "{layer} shows a document that was not written"
            );
            assert!(generation >= seen[index], "{layer} went back from {} to {generation}", seen[index]);
            seen[index] = generation;
        }
        reads += 1;
        if reads % 64 == 0 {
            thread::yield_now();
        }
    }
    reads
}

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The file and the server, which fail and are repaired, and the guard of the flags of both.
struct Sources {
    guard: Guard,
    stub: Stub,
    mode: Arc<Mutex<Mode>>,
    streams: Arc<AtomicBool>,
    folder: TestDir,
}

impl Sources {
    /// Starts with generation 1 in both.
    fn start() -> Self {
        let folder = TestDir::new();
        folder.write(text("file", 1));
        let (mode, streams) = (Arc::new(Mutex::new(Mode::Good(1))), Arc::new(AtomicBool::new(true)));
        let stub = Stub::new({
            let (mode, streams) = (Arc::clone(&mode), Arc::clone(&streams));
            move |request, stream| serve(&mode, &streams, request, stream)
        });
        let timeout = Duration::from_millis(300);
        let http = eager(&stub.url())
            .connect_timeout(timeout)
            .header_timeout(timeout)
            .total_timeout(timeout)
            .idle_timeout(timeout);
        let file = File::new(folder.flags()).poll_every(Duration::from_millis(200));
        let builder = Builder::new()
            .source(file)
            .source(http)
            .when_missing(OnFailedStart::Fail)
            .when_invalid(OnFailedStart::Fail);
        let guard = builder.start().expect("both are good");
        Self { guard, stub, mode, streams, folder }
    }

    /// Breaks the file, the server, both or neither.
    fn fail(&self, generation: u64, random: &mut Random) {
        let (breaks_file, breaks_server) = (random.below(3) > 0, random.below(3) > 0);
        if breaks_file {
            break_file(&self.folder.flags(), random);
        }
        if breaks_server {
            self.streams.store(random.below(2) == 0, Ordering::SeqCst);
            *self.mode.lock().expect("no panic") = break_server(random, generation);
            if random.below(3) == 0 {
                self.stub.hang_up();
            }
        }
    }

    /// Writes a good document to the file, and lets the server respond with one.
    fn repair(&self, generation: u64, random: &mut Random) {
        repair_file(&self.folder.flags(), generation, random);
        self.streams.store(random.below(2) == 0, Ordering::SeqCst);
        *self.mode.lock().expect("no panic") = Mode::Good(generation);
    }

    fn are_at(&self, generation: u64) -> bool {
        ["file", "http"].iter().all(|layer| current(self.guard.flags(), layer) == Some(generation))
    }
}

#[test]
fn for_a_while() {
    let seconds = setting("FLAGKIT_CHAOS_SECONDS", 30);
    let seed = setting("FLAGKIT_CHAOS_SEED", u64::from(std::process::id()));
    println!("seed {seed}, {seconds} s");
    let mut random = Random::new(seed);

    let sources = Sources::start();
    let written = Arc::new([AtomicU64::new(1), AtomicU64::new(1)]);
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (flags, written, stop) = (sources.guard.flags().clone(), Arc::clone(&written), Arc::clone(&stop));
            thread::spawn(move || read(&flags, &written, &stop))
        })
        .collect();
    let has_failed = || readers.iter().any(thread::JoinHandle::is_finished);

    let (start, mut rounds, mut worst) = (Instant::now(), 0_u32, Duration::ZERO);
    for next in 2.. {
        if start.elapsed() >= Duration::from_secs(seconds) || has_failed() {
            break;
        }
        sources.fail(next, &mut random);
        pause(Duration::from_millis(random.below(400)));

        written[0].store(next, Ordering::SeqCst);
        written[1].store(next, Ordering::SeqCst);
        sources.repair(next, &mut random);
        let repaired = wait_until("the repair is detected", || sources.are_at(next) || has_failed());
        worst = worst.max(repaired);
        rounds += 1;
    }
    stop.store(true, Ordering::Relaxed);
    let reads: u64 = readers.into_iter().map(|reader| reader.join().expect("no reader failed")).sum();
    println!("{rounds} rounds, {reads} reads, a repair was detected within {worst:?} at worst");
    assert!(rounds > 0 && reads > 0);
}
