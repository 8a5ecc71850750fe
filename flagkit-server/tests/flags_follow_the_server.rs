//! A process follows a flag server: by its stream, by polling, through a restart, and in numbers.

mod support;

use std::time::{Duration, Instant};

use flagkit_core::tooling::{SourceState, SourceStatus};
use flagkit_sources::{Builder, Guard, Http, OnFailedStart, Retry};
use support::{Place, Served, wait_until};

const ON: &str = "[flags]\na = true\n";
const OFF: &str = "[flags]\na = false\n";

const SELDOM: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(20);

fn serve(text: &str) -> (Place, Served) {
    let place = Place::new();
    place.replace("flags.toml", text);
    let served = Served::new(place.file("flags.toml"));
    (place, served)
}

fn follow(url: &str, poll: Duration, stream: bool) -> Guard {
    let mut retry = Retry::default();
    (retry.transient, retry.permanent) = ((SOON, 2 * SOON), (SOON, 2 * SOON));
    let http = Http::new(url).expect("a URL").poll_every(poll).retry(retry).stream(stream).use_proxy(false);
    Builder::new().source(http).when_invalid(OnFailedStart::StayDark).start().expect("starts dark at the worst")
}

fn is_on(guard: &Guard) -> bool {
    guard.flags().is_on("a", &())
}

fn status(guard: &Guard) -> SourceStatus {
    guard.flags().status().sources.remove(0)
}

/// Flips the flag some times, and expects each flip to be seen.
fn flip(place: &Place, guards: &[Guard]) {
    for round in 0..6 {
        let on = round % 2 == 1;
        place.replace("flags.toml", if on { ON } else { OFF });
        wait_until("a flip", || guards.iter().all(|guard| is_on(guard) == on));
    }
}

#[test]
fn a_flip_comes_with_the_stream() {
    let (place, served) = serve(ON);
    let guard = follow(&served.url(), SELDOM, true);
    assert!(is_on(&guard));
    flip(&place, &[guard]);
}

#[test]
fn a_flip_is_found_by_polling() {
    let (place, served) = serve(ON);
    let guard = follow(&served.url(), SOON, false);
    flip(&place, std::slice::from_ref(&guard));
    wait_until("it is found unchanged", || status(&guard).confirmations > 3);
    let status = status(&guard);
    // What was not new was not loaded.
    assert_eq!((status.state, status.loads, status.refusals), (SourceState::Fresh, 7, 0));
}

#[test]
fn a_file_that_breaks_at_the_server_changes_nothing_at_its_clients() {
    let (place, served) = serve(ON);
    let guards = [follow(&served.url(), SELDOM, true), follow(&served.url(), SOON, false)];
    place.replace("flags.toml", "[flags\na = false\n");
    wait_until("the server sees it", || served.get("/healthz").text() == "stale\n");
    let seen = status(&guards[1]).confirmations;
    wait_until("some polls", || status(&guards[1]).confirmations > seen + 3);
    assert!(guards.iter().all(is_on));
    flip(&place, &guards);
}

#[test]
fn a_server_that_starts_again_is_followed_again() {
    for stream in [true, false] {
        let (place, served) = serve(ON);
        let guard = follow(&served.url(), if stream { SELDOM } else { SOON }, stream);
        assert!(is_on(&guard));
        let address = served.address;
        if stream {
            // A stop ends the streams and not the flags; it is the next question that has no answer.
            wait_until("a stream", || status(&guard).confirmations > 0);
        }
        served.stop();
        wait_until("it is missed", || status(&guard).state == SourceState::Stale);
        assert!(is_on(&guard));
        place.replace("flags.toml", OFF);
        let served = Served::on(address, place.file("flags.toml"));
        wait_until("what has changed meanwhile", || !is_on(&guard));
        wait_until("it is fresh", || status(&guard).state == SourceState::Fresh);
        flip(&place, std::slice::from_ref(&guard));
        served.stop();
    }
}

#[test]
fn a_server_without_a_document_is_waited_for() {
    let place = Place::new();
    let served = Served::new(place.file("flags.toml"));
    let guard = follow(&served.url(), SOON, true);
    assert_eq!(status(&guard).state, SourceState::Waiting);
    place.replace("flags.toml", ON);
    wait_until("the flags", || is_on(&guard));
    flip(&place, &[guard]);
}

#[test]
fn a_document_that_cannot_be_streamed_is_polled_for() {
    let long = |on: bool| format!("[flags]\na = {on}\n# {}\n", "x".repeat(1 << 20));
    let (place, served) = serve(ON);
    let guard = follow(&served.url(), SOON, true);
    for on in [false, true, false] {
        place.replace("flags.toml", long(on));
        wait_until("a flip", || is_on(&guard) == on);
    }
    place.replace("flags.toml", ON);
    wait_until("a flip", || is_on(&guard));
    assert_eq!(status(&guard).refusals, 0);
}

#[test]
fn fifty_processes_see_each_flip() {
    let (place, served) = serve(ON);
    let guards: Vec<Guard> = (0..50).map(|_| follow(&served.url(), SELDOM, true)).collect();
    assert!(guards.iter().all(is_on));
    let start = Instant::now();
    flip(&place, &guards);
    println!("six flips for fifty clients took {:?}", start.elapsed());
    for guard in &guards {
        assert_eq!((status(guard).state, status(guard).refusals), (SourceState::Fresh, 0));
    }
    // All of them have a stream, and none keeps the server from stopping.
    served.stop();
    assert!(guards.iter().all(is_on));
}
