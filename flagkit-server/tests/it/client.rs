//! A process follows the server by its stream and by polling, through restarts, and with fifty clients.

use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Served, TestDir, wait_until};
use flagkit_core::tooling::{SourceState, SourceStatus};
use flagkit_server::Limits;
use flagkit_sources::{Builder, Guard, Http, OnFailedStart, Retry};

const ON: &str = "[flags]\na = true\n";
const OFF: &str = "[flags]\na = false\n";

const RARELY: Duration = Duration::from_secs(3600);
const OFTEN: Duration = Duration::from_millis(20);

fn serve_file(text: &str) -> (TestDir, Served) {
    let dir = TestDir::new();
    dir.replace("flags.toml", text);
    let served = Served::new(dir.file("flags.toml"));
    (dir, served)
}

fn follow(url: &str, poll: Duration, stream: bool) -> Guard {
    let mut retry = Retry::default();
    (retry.transient, retry.permanent) = ((OFTEN, 2 * OFTEN), (OFTEN, 2 * OFTEN));
    let http = Http::new(url).expect("a URL").poll_every(poll).retry(retry).stream(stream).use_proxy(false);
    // A slow machine is not an unreachable server.
    let http =
        http.connect_timeout(DEADLINE).header_timeout(DEADLINE).total_timeout(DEADLINE).idle_timeout(10 * DEADLINE);
    let builder = Builder::new().source(http).when_invalid(OnFailedStart::StayDark).startup_timeout(DEADLINE);
    builder.start().expect("the start is dark at worst")
}

fn is_on(guard: &Guard) -> bool {
    guard.flags().is_on("a", &())
}

fn status(guard: &Guard) -> SourceStatus {
    guard.flags().status().sources.remove(0)
}

/// Flips the flag six times, and expects every guard to follow each flip.
fn flip(dir: &TestDir, guards: &[Guard]) {
    for round in 0..6 {
        let on = round % 2 == 1;
        dir.replace("flags.toml", if on { ON } else { OFF });
        wait_until("a flip", || guards.iter().all(|guard| is_on(guard) == on));
    }
}

#[test]
fn a_stream_delivers_a_flip() {
    let (dir, served) = serve_file(ON);
    let guard = follow(&served.url(), RARELY, true);
    assert!(is_on(&guard));
    flip(&dir, &[guard]);
}

#[test]
fn polling_finds_a_flip() {
    let (dir, served) = serve_file(ON);
    let guard = follow(&served.url(), OFTEN, false);
    flip(&dir, std::slice::from_ref(&guard));
    wait_until("unchanged polls", || status(&guard).unchanged > 3);
    let status = status(&guard);
    // Unchanged documents are not loaded again.
    assert_eq!((status.state, status.loads, status.failures), (SourceState::Fresh, 7, 0));
}

#[test]
fn an_invalid_file_at_the_server_changes_no_client() {
    let (dir, served) = serve_file(ON);
    let guards = [follow(&served.url(), RARELY, true), follow(&served.url(), OFTEN, false)];
    dir.replace("flags.toml", "[flags\na = false\n");
    wait_until("the server reports it", || served.get("/healthz").text() == "stale\n");
    let before = status(&guards[1]).unchanged;
    wait_until("some polls", || status(&guards[1]).unchanged > before + 3);
    assert!(guards.iter().all(is_on));
    flip(&dir, &guards);
}

#[test]
fn a_restarted_server_is_followed_again() {
    for stream in [true, false] {
        let (dir, served) = serve_file(ON);
        let guard = follow(&served.url(), if stream { RARELY } else { OFTEN }, stream);
        assert!(is_on(&guard));
        let address = served.address;
        if stream {
            // A stop ends the stream; only the next request fails.
            wait_until("a stream", || status(&guard).unchanged > 0);
        }
        served.stop();
        wait_until("the stop is noticed", || status(&guard).state == SourceState::Stale);
        assert!(is_on(&guard));
        dir.replace("flags.toml", OFF);
        let served = Served::on(address, dir.file("flags.toml"));
        wait_until("the change during the stop", || !is_on(&guard));
        wait_until("the source is fresh", || status(&guard).state == SourceState::Fresh);
        flip(&dir, std::slice::from_ref(&guard));
        served.stop();
    }
}

#[test]
fn a_server_without_a_document_is_followed_once_it_has_one() {
    let dir = TestDir::new();
    let served = Served::new(dir.file("flags.toml"));
    let guard = follow(&served.url(), OFTEN, true);
    assert_eq!(status(&guard).state, SourceState::Waiting);
    dir.replace("flags.toml", ON);
    wait_until("the flags", || is_on(&guard));
    flip(&dir, &[guard]);
}

#[test]
fn a_document_that_cannot_be_streamed_is_polled() {
    let long = |on: bool| format!("[flags]\na = {on}\n# {}\n", "x".repeat(1 << 20));
    let (dir, served) = serve_file(ON);
    let guard = follow(&served.url(), OFTEN, true);
    for on in [false, true, false] {
        dir.replace("flags.toml", long(on));
        wait_until("a flip", || is_on(&guard) == on);
    }
    dir.replace("flags.toml", ON);
    wait_until("a flip", || is_on(&guard));
    assert_eq!(status(&guard).failures, 0);
}

#[test]
fn a_client_polls_while_the_server_has_too_many_streams() {
    let dir = TestDir::new();
    dir.replace("flags.toml", ON);
    let served = Served::with_limits(dir.file("flags.toml"), Limits::default().max_streams(0));
    let guard = follow(&served.url(), OFTEN, true);
    let is_warned = || status(&guard).warnings.iter().any(|warning| warning.contains("answered 503"));
    wait_until("the warning", is_warned);
    flip(&dir, std::slice::from_ref(&guard));
    assert_eq!(status(&guard).failures, 0);
}

/// The stream replaces the line endings, and the poll does not. The source must not take that for another document.
#[test]
fn a_document_with_crlf_is_published_once() {
    let (dir, served) = serve_file("[flags]\r\na = true\r\n");
    let guard = follow(&served.url(), RARELY, true);
    wait_until("the document as an event", || status(&guard).unchanged > 0);
    guard.reload();
    let confirmations = status(&guard).unchanged;
    wait_until("a poll", || status(&guard).unchanged > confirmations);
    assert_eq!((status(&guard).loads, guard.flags().snapshot().revision()), (1, 1));
    dir.replace("flags.toml", "[flags]\r\na = false\r\n");
    wait_until("a flip", || !is_on(&guard));
    assert_eq!(status(&guard).loads, 2);
}

#[test]
fn fifty_clients_follow_each_flip() {
    let (dir, served) = serve_file(ON);
    let guards: Vec<Guard> = (0..50).map(|_| follow(&served.url(), RARELY, true)).collect();
    assert!(guards.iter().all(is_on));
    let start = Instant::now();
    flip(&dir, &guards);
    println!("six flips for fifty clients took {:?}", start.elapsed());
    for guard in &guards {
        assert_eq!((status(guard).state, status(guard).failures), (SourceState::Fresh, 0));
    }
    // Every client has a stream, and none prevents the server from stopping.
    served.stop();
    assert!(guards.iter().all(is_on));
}
