//! An intermediary that cuts a stream, buffers it, or fills it with noise does not disturb polling.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::stub::{Request, STREAM, Stub, answer, chunk, document, eager, event, start};
use crate::support::{self, Random, is_on, pause, status, wait_until};
use flagkit_core::Event;
use flagkit_core::tooling::SourceState;

const GOOD: &str = "[flags]\na = true\n";

/// The response to polls, and the handler of streams.
fn stub(stream: impl Fn(&mut TcpStream) -> bool + Send + Sync + 'static) -> Stub {
    Stub::new(move |request: &Request, connection| {
        if request.is_stream_request() {
            return stream(connection);
        }
        connection.write_all(document("v", GOOD).as_bytes()).is_ok()
    })
}

#[test]
fn one_that_ends_at_once() {
    for begins in [
        "",
        STREAM,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n7\r\n: hi",
    ] {
        let stub = stub(move |connection| {
            let _ = connection.write_all(begins.as_bytes());
            false
        });
        // The waits between failing streams grow far beyond the polling interval.
        let http = eager(&stub.url()).retry(flagkit_sources::Retry::default());
        let guard = start(http);
        wait_until("many polls", || stub.polls().len() > 50);
        let streams = stub.requests().len() - stub.polls().len();
        assert!(streams <= 8, "{streams} streams");
        assert_eq!((status(&guard).state, status(&guard).failures), (SourceState::Fresh, 0));
    }
}

#[test]
fn one_that_has_begun_and_ends_again_and_again() {
    let mut random = Random::new(7);
    let text = format!("[flags]\na = true\nb-{} = true\n", random.below(1_000));
    let stub = stub(move |connection| {
        let event = chunk(&event("v", &text));
        let _ = connection.write_all(format!("{STREAM}{event}").as_bytes());
        false
    });
    let guard = start(eager(&stub.url()).retry(flagkit_sources::Retry::default()));
    wait_until("many polls", || stub.polls().len() > 100);
    assert!(stub.requests().len() - stub.polls().len() <= 8);
    assert!(is_on(&guard, "a"));
}

#[test]
fn a_heartbeat_confirms_nothing_that_a_poll_has_refused() {
    let revoked = Arc::new(AtomicBool::new(false));
    let is_revoked = Arc::clone(&revoked);
    let stub = Stub::new(move |request: &Request, connection| {
        if !request.is_stream_request() {
            let is_revoked = is_revoked.load(Ordering::SeqCst);
            let answer = if is_revoked { answer("401 Unauthorized", "", "") } else { document("v", GOOD) };
            return connection.write_all(answer.as_bytes()).is_ok();
        }
        let _ = connection.write_all(format!("{STREAM}{}", chunk(&event("v", GOOD))).as_bytes());
        while connection.write_all(chunk(": beat\n\n").as_bytes()).is_ok() {
            pause(Duration::from_millis(5));
        }
        false
    });
    let guard = start(eager(&stub.url()));
    wait_until("the stream", || status(&guard).unchanged > 3);
    revoked.store(true, Ordering::SeqCst);
    let turns = Arc::new(Mutex::new(Vec::new()));
    let _subscription = guard.flags().subscribe({
        let turns = Arc::clone(&turns);
        move |event| {
            if let Event::StateChanged(turn) = event {
                turns.lock().expect("no panic").push(turn.to);
            }
        }
    });
    guard.reload();
    wait_until("the refusal", || status(&guard).failures > 0);
    let confirmations = status(&guard).unchanged;
    support::holds_for(Duration::from_millis(300), "it stays stale", || status(&guard).state == SourceState::Stale);
    assert_eq!(status(&guard).unchanged, confirmations);
    assert_eq!(*turns.lock().expect("no panic"), [SourceState::Stale]);
}

#[test]
fn events_of_other_types_hold_up_no_reload() {
    let stub = stub(|connection| {
        let _ = connection.write_all(format!("{STREAM}{}", chunk(&event("v", GOOD))).as_bytes());
        while connection.write_all(chunk("event: ping\ndata: {}\n\n").as_bytes()).is_ok() {
            pause(Duration::from_millis(5));
        }
        false
    });
    let guard = start(eager(&stub.url()));
    wait_until("signs of life", || status(&guard).unchanged > 3);
    let polls = stub.polls().len();
    guard.reload();
    wait_until("the requested poll", || stub.polls().len() > polls);
}

#[test]
fn no_setting_of_a_time_ends_the_source() {
    let stub = Stub::responding(document("v", GOOD));
    let all = [Duration::ZERO, Duration::from_nanos(1), Duration::MAX];
    for time in all {
        let mut retry = flagkit_sources::Retry::default();
        (retry.transient, retry.permanent) = ((time, time), (time, Duration::ZERO));
        let guard = start(eager(&stub.url()).poll_every(time).retry(retry));
        assert!(is_on(&guard, "a"), "{time:?}");
        let polls = stub.polls().len();
        guard.reload();
        wait_until("it continues to poll", || stub.polls().len() > polls);
    }
    let slow = Duration::MAX;
    let http = eager(&stub.url()).connect_timeout(slow).header_timeout(slow).total_timeout(slow).idle_timeout(slow);
    assert!(is_on(&start(http), "a"));
}
