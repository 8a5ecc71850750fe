//! One server, twenty processes that follow it, and a flip that reaches all of them.
//!
//!     cargo run --example fleet
//!
//! The server watches a flag file and streams its changes. Each client is a separate process. After some flips the server
//! stops, and every client keeps its flags.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use flagkit_core::{Event, flag};
use flagkit_server::FlagServer;
use flagkit_sources::{Builder, File, Http, OnFailedStart, Readiness};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

const CLIENTS: usize = 20;
/// Far longer than any step here needs.
const TIMEOUT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    match env::args().nth(1) {
        Some(url) => client(&url),
        None => fleet(),
    }
}

/// Prints `ready`, then `on` or `off` at each change, until its standard input is closed.
fn client(url: &str) -> Result<(), Box<dyn Error>> {
    let guard = Builder::new().source(Http::new(url)?).when_invalid(OnFailedStart::StayDark).install()?;
    let print = || println!("{}", if flag!("new-checkout") { "on" } else { "off" });
    let _subscription = guard.flags().subscribe(move |event| {
        if let Event::Changed(_) = event {
            print();
        }
    });
    if guard.wait_until_ready(TIMEOUT) != Readiness::Ready {
        return Err("the server did not respond in time".into());
    }
    println!("ready");
    print();
    std::io::stdin().lines().for_each(drop);
    Ok(())
}

fn fleet() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("flags.toml");
    write(&file, false)?;

    let server = FlagServer::new(File::new(&file))?;
    let runtime = tokio::runtime::Runtime::new()?;
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
    let url = format!("http://{}/flags", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = runtime.spawn(flagkit_server::serve(listener, server, async {
        let _ = stopped.await;
    }));

    let mut clients = (0..CLIENTS).map(|_| Client::start(&url)).collect::<Result<Vec<_>, _>>()?;
    for client in &clients {
        client.wait_for("ready")?;
        client.wait_for("off")?;
    }
    println!("{CLIENTS} processes follow {url}");

    for (on, word) in [(true, "on"), (false, "off"), (true, "on")] {
        let flipped = Instant::now();
        write(&file, on)?;
        for client in &clients {
            client.wait_for(word)?;
        }
        println!("turned {word}: all of them follow within {} ms", flipped.elapsed().as_millis());
    }

    drop(stop);
    runtime.block_on(serving)??;
    for client in &mut clients {
        if client.child.try_wait()?.is_some() {
            return Err("a client ended with the server".into());
        }
    }
    println!("the server has stopped, and all clients keep their flags");
    Ok(())
}

/// Replaces the file by a rename, so that no reader gets half of it.
fn write(file: &Path, on: bool) -> std::io::Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, format!("[flags]\nnew-checkout = {on}\n"))?;
    fs::rename(new, file)
}

/// A client process and the lines it prints.
struct Client {
    child: Child,
    lines: Receiver<String>,
}

impl Client {
    fn start(url: &str) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(env::current_exe()?)
            .arg(url)
            // No proxy: the server is on this machine.
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Ok(Self { child, lines })
    }

    fn wait_for(&self, word: &str) -> Result<(), Box<dyn Error>> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line == word => return Ok(()),
                Ok(_) => {}
                Err(_) => return Err(format!("a client did not print {word:?} in time").into()),
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
