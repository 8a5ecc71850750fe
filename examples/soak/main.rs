//! A storefront, a server, four clients and a mad writer, for as long as it is told to: scripts/soak.
//!
//!     cargo run --release --example soak -- 60
//!
//! The writer writes whole files, half ones, nonsense and very large ones, in place and by renaming, deletes them and makes
//! them anew. Every good file turns `pair-a` and `pair-b` together, and `half` with them between 25 and 50 percent; `always`
//! is on and `never` is off. The clients ask all of that all the time, of one snapshot, and count what is wrong.

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

use crate::processes::{Process, Sample, verdict};
use crate::writer::Writer;

const CLIENTS: usize = 4;
/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often processes are looked at.
const PACE: Duration = Duration::from_secs(1);
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

/// Says its address, and serves until its standard input is closed.
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

/// Asks all the time; at each line of its standard input says how many answers it had, and how many were wrong.
fn client(url: &str) -> Result<(), Box<dyn Error>> {
    let guard = Builder::new().source(Http::new(url)?).when_invalid(OnFailedStart::StayDark).install()?;
    if guard.wait_until_ready(PATIENCE) != Readiness::Ready {
        return Err("the server was not there in time".into());
    }
    let (answers, wrong) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let stop = Arc::new(AtomicBool::new(false));
    let asking = {
        let (flags, answers, wrong, stop) =
            (guard.flags().clone(), Arc::clone(&answers), Arc::clone(&wrong), Arc::clone(&stop));
        thread::spawn(move || {
            let expected = Expected::new();
            while !stop.load(Ordering::Relaxed) {
                let (asked, mistakes) = expected.ask(&flags);
                answers.fetch_add(asked, Ordering::Relaxed);
                wrong.fetch_add(mistakes, Ordering::Relaxed);
                // Four of these share the machine with all the rest.
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
    asking.join().map_err(|_| "the asking thread has panicked")?;
    Ok(())
}

/// What half of all is, by flags of one's own.
struct Expected {
    ids: Vec<Context>,
    quarter: Vec<bool>,
    half: Vec<bool>,
}

impl Expected {
    fn new() -> Self {
        let ids: Vec<_> = (0..IDS).map(|id| Context::new(format!("user-{id}"))).collect();
        let of = |percent: &str| {
            let flag = Flag::on().with_rollout(percent.parse().expect("a percentage"));
            let flags = Flags::fixed(FlagSet::from_iter([(FlagKey::new("half").expect("a key"), flag)]));
            ids.iter().map(|id| flags.is_on("half", id)).collect()
        };
        let (quarter, half) = (of("25"), of("50"));
        Self { ids, quarter, half }
    }

    /// How much was asked, and how much of the answers was wrong.
    fn ask(&self, flags: &Flags) -> (u64, u64) {
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
    writer.write_well()?;

    let mut server = Process::start("server", &env::current_exe()?, &["server", &file.display().to_string()])?;
    let url = server.line()?;
    let storefront = env::current_exe()?.with_file_name(format!("storefront{}", env::consts::EXE_SUFFIX));
    let flags = file.display().to_string();
    let mut shop = Process::start("storefront", &storefront, &["--port", "0", "--flags", &flags])?;
    let said = shop.line()?;
    let address = said.split("http://").nth(1).and_then(|rest| rest.split('/').next()).ok_or("no address")?.to_owned();
    let mut clients = Vec::new();
    for number in 1..=CLIENTS {
        let mut client = Process::start(&format!("client {number}"), &env::current_exe()?, &["client", &url])?;
        if client.line()? != "ready" {
            return Err("a client did not start".into());
        }
        clients.push(client);
    }

    let (begin, mut next) = (Instant::now(), PACE);
    let mut samples: Vec<Vec<Sample>> = Vec::new();
    let mut pages = 0_u64;
    while begin.elapsed() < time {
        writer.write()?;
        thread::sleep(Duration::from_millis(20));
        if begin.elapsed() >= next {
            next += PACE;
            if !processes::page(&address)?.contains("Storefront") {
                return Err("the storefront answers something else".into());
            }
            pages += 1;
            let all = [&server, &shop].into_iter().chain(&clients);
            samples.push(all.map(Process::sample).collect::<Result<_, _>>()?);
        }
    }
    writer.write_well()?;

    let (mut answers, mut wrong) = (0, 0);
    for client in &mut clients {
        client.say("report")?;
        let line = client.line()?;
        let (asked, mistakes) = line.split_once(' ').ok_or("no report")?;
        answers += asked.parse::<u64>()?;
        wrong += mistakes.parse::<u64>()?;
    }
    println!(
        "{} s: {} files written ({} of them bad), {answers} answers, {wrong} wrong, {pages} pages",
        begin.elapsed().as_secs(),
        writer.written(),
        writer.bad()
    );
    let names: Vec<String> = [&server, &shop].into_iter().chain(&clients).map(|it| it.name().to_owned()).collect();
    let is_flat = verdict(&names, &samples);
    if wrong > 0 || !is_flat {
        return Err("it does not hold".into());
    }
    println!("it holds");
    Ok(())
}
