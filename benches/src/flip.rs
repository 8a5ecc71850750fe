//! The duration of a flip, from the rename of the server's file to the flags of fifty clients.
//!
//! Clients and server share this process and its cores, so the numbers are for a busy machine.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flagkit_core::Event;
use flagkit_server::FlagServer;
use flagkit_sources::{Builder, File, Http};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::rounds::quantile;
use crate::table::Table;

const CLIENTS: usize = 50;
const POLL: Duration = Duration::from_secs(1);

/// Measures repeated flips of a flag.
pub fn table(flips: usize) -> Table {
    let title = format!("A flip, from the rename of the server's file to the flags of {CLIENTS} clients");
    let mut table = Table::new("flip", &title, &["over", "flips", "ms, median", "ms, 99 %", "ms, longest"]);
    run(&mut table, "a stream", flips, |http| http);
    run(&mut table, "a poll every second", flips.min(20), |http| http.stream(false).poll_every(POLL));
    table
}

fn run(table: &mut Table, name: &str, flips: usize, configure: impl Fn(Http) -> Http) {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("flags.toml");
    write(&file, false);
    let server = FlagServer::new(File::new(&file)).expect("the file is good");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
    let url = format!("http://{}/flags", listener.local_addr().expect("it is bound"));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = runtime.spawn(flagkit_server::serve(listener, server, async {
        let _ = stopped.await;
    }));

    let (seen, sightings) = mpsc::channel();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let http = configure(Http::new(&url).expect("a URL").use_proxy(false));
            let guard = Builder::new().source(http).start().expect("the server is there");
            let (seen, flags) = (seen.clone(), guard.flags().clone());
            let subscription = guard.flags().subscribe(move |event| {
                if let Event::Changed(_) = event {
                    let _ = seen.send((flags.is_on("flipped", &()), Instant::now()));
                }
            });
            (guard, subscription)
        })
        .collect();

    let mut latencies = Vec::new();
    for flip in 0..flips {
        let on = flip % 2 == 0;
        let start = Instant::now();
        write(&file, on);
        for _ in 0..CLIENTS {
            let (state, at) = sightings.recv_timeout(Duration::from_secs(20)).expect("every client sees it");
            assert_eq!(state, on, "flips are seen in order");
            latencies.push((at - start).as_secs_f64() * 1e3);
        }
    }
    drop(clients);
    drop(stop);
    runtime.block_on(serving).expect("no panic").expect("it was served");

    let count = f64::from(u32::try_from(flips).unwrap_or(u32::MAX));
    let at = |part| quantile(latencies.clone(), part).into();
    table.push([name.into(), count.into(), at(0.5), at(0.99), at(1.0)]);
}

/// Replaces the whole file, so that the change takes effect at once.
fn write(file: &Path, on: bool) {
    let new = file.with_extension("new");
    fs::write(&new, format!("[flags]\nflipped = {on}\n")).expect("it can be written");
    fs::rename(new, file).expect("it can be moved");
}
