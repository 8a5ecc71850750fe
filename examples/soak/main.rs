//! A soak test: a storefront, a server, four clients and a destructive writer. See scripts/soak.
//!
//!     cargo run --release --example soak -- 60
//!
//! The writer writes whole, truncated, meaningless and very large files, in place and by renaming, and deletes them. Every
//! valid file flips `pair-a` and `pair-b` together, and moves `half` with them between 25 and 50 percent. `always` is on
//! and `never` is off. The clients read all of these flags from one snapshot in a loop, and count wrong answers.

mod processes;
mod writer;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use flagkit_core::{Context, Flag, FlagKey, FlagSet, Flags, flag};
use flagkit_server::FlagServer;
use flagkit_sources::{Builder, File, Http, OnFailedStart, Readiness};
use tokio::net::TcpListener;

use crate::processes::{Process, Sample, report};
use crate::writer::Writer;

const CLIENTS: usize = 4;
/// Far longer than any step here needs.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The time between two samples of the processes.
const INTERVAL: Duration = Duration::from_secs(1);
const IDS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server", file] => server(Path::new(file)),
        ["client", url] => client(url),
        [seconds] => soak(Duration::from_secs(seconds.parse()?)),
        _ => Err("expected a number of seconds".into()),
    }
}

/// Prints its address, and serves until its standard input is closed.
fn server(file: &Path) -> Result<(), Box<dyn Error>> {
    let server = FlagServer::new(File::new(file))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    println!("http://{}/flags", listener.local_addr()?);
    runtime.block_on(flagkit_server::serve(listener, server, async {
        let _ = tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop)).await;
    }))?;
    Ok(())
}

/// Reads flags in a loop. At each line of its standard input it prints the number of answers and of wrong ones.
fn client(url: &str) -> Result<(), Box<dyn Error>> {
    let guard = Builder::new().source(Http::new(url)?).when_invalid(OnFailedStart::StayDark).install()?;
    if guard.wait_until_ready(TIMEOUT) != Readiness::Ready {
        return Err("the server did not respond in time".into());
    }
    let (answers, wrong) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let stop = Arc::new(AtomicBool::new(false));
    let reader = {
        let (flags, answers, wrong, stop) =
            (guard.flags().clone(), Arc::clone(&answers), Arc::clone(&wrong), Arc::clone(&stop));
        thread::spawn(move || {
            let expected = Expected::new();
            while !stop.load(Ordering::Relaxed) {
                let (reads, mistakes) = expected.check(&flags);
                answers.fetch_add(reads, Ordering::Relaxed);
                wrong.fetch_add(mistakes, Ordering::Relaxed);
                // Four clients share the machine with all other processes.
                thread::sleep(Duration::from_millis(1));
            }
        })
    };
    println!("ready");
    for line in std::io::stdin().lines() {
        line?;
        println!("{} {}", answers.load(Ordering::Relaxed), wrong.load(Ordering::Relaxed));
        std::io::stdout().flush()?;
    }
    stop.store(true, Ordering::Relaxed);
    reader.join().map_err(|_| "the reading thread panicked")?;
    Ok(())
}

/// The expected answers of `half` for some ids, computed with fixed flags.
struct Expected {
    ids: Vec<Context>,
    quarter: Vec<bool>,
    half: Vec<bool>,
}

impl Expected {
    fn new() -> Self {
        let ids: Vec<_> = (0..IDS).map(|id| Context::new(format!("user-{id}"))).collect();
        let answers = |percent: &str| {
            let flag = Flag::on().with_rollout(percent.parse().expect("a percentage"));
            let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("half").expect("a key"), flag)]));
            ids.iter().map(|id| flags.is_on("half", id)).collect()
        };
        let (quarter, half) = (answers("25"), answers("50"));
        Self { ids, quarter, half }
    }

    /// Reads every flag once. Returns the number of reads and of wrong answers.
    fn check(&self, flags: &Flags) -> (u64, u64) {
        let snapshot = flags.snapshot();
        let on = snapshot.is_on("pair-a", &());
        let expected = if on { &self.half } else { &self.quarter };
        let mut wrong = u64::from(snapshot.is_on("pair-b", &()) != on);
        wrong += u64::from(!flag!("always")) + u64::from(flag!("never"));
        for (id, expected) in self.ids.iter().zip(expected) {
            wrong += u64::from(snapshot.is_on("half", id) != *expected);
        }
        (4 + self.ids.len() as u64, wrong)
    }
}

fn soak(time: Duration) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("flags.toml");
    let mut writer = Writer::new(&file);
    writer.write_valid()?;

    let mut server = Process::start("server", &env::current_exe()?, &["server", &file.display().to_string()])?;
    let url = server.line()?;
    let storefront = env::current_exe()?.with_file_name(format!("storefront{}", env::consts::EXE_SUFFIX));
    let flags = file.display().to_string();
    let mut shop = Process::start("storefront", &storefront, &["--port", "0", "--flags", &flags])?;
    let greeting = shop.line()?;
    let address =
        greeting.split("http://").nth(1).and_then(|rest| rest.split('/').next()).ok_or("no address")?.to_owned();
    let mut clients = start_clients(&url)?;

    let (begin, mut next) = (Instant::now(), INTERVAL);
    let mut samples: Vec<Vec<Sample>> = Vec::new();
    let mut pages = 0_u64;
    while begin.elapsed() < time {
        writer.write()?;
        thread::sleep(Duration::from_millis(20));
        if begin.elapsed() >= next {
            next += INTERVAL;
            if !processes::page(&address)?.contains("Storefront") {
                return Err("the storefront returned an unexpected page".into());
            }
            pages += 1;
            let all = [&server, &shop].into_iter().chain(&clients);
            samples.push(all.map(Process::sample).collect::<Result<_, _>>()?);
        }
    }
    writer.write_valid()?;

    let (answers, wrong) = count_answers(&mut clients)?;
    println!(
        "{} s: {} files written ({} of them invalid), {answers} answers, {wrong} wrong, {pages} pages",
        begin.elapsed().as_secs(),
        writer.written(),
        writer.invalid()
    );
    let names: Vec<String> = [&server, &shop].into_iter().chain(&clients).map(|it| it.name().to_owned()).collect();
    let is_flat = report(&names, &samples);
    if wrong > 0 || !is_flat {
        return Err("the soak test failed".into());
    }
    println!("the soak test passed");
    Ok(())
}

/// Starts the processes that follow `url`, and waits until each is ready.
fn start_clients(url: &str) -> Result<Vec<Process>, Box<dyn Error>> {
    let mut clients = Vec::new();
    for number in 1..=CLIENTS {
        let mut client = Process::start(&format!("client {number}"), &env::current_exe()?, &["client", url])?;
        if client.line()? != "ready" {
            return Err("a client did not start".into());
        }
        clients.push(client);
    }
    Ok(clients)
}

/// Returns how many flags the clients have read, and how many of the answers were wrong.
fn count_answers(clients: &mut [Process]) -> Result<(u64, u64), Box<dyn Error>> {
    let (mut answers, mut wrong) = (0, 0);
    for client in clients {
        client.send("report")?;
        let line = client.line()?;
        let (reads, mistakes) = line.split_once(' ').ok_or("no report")?;
        answers += reads.parse::<u64>()?;
        wrong += mistakes.parse::<u64>()?;
    }
    Ok((answers, wrong))
}
