//! A server that sends as fast as it can causes a bounded number of publishes, events and polls, and little work.

use std::io::{self, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::streams::{HEARTBEAT, Server};
use crate::support::stub::{STREAM, Stub, chunk, document, eager, event, start};
use crate::support::{STOP_TIMEOUT, in_own_process, is_on, pause, status, wait_until};
use flagkit_core::Event;
use flagkit_sources::Guard;

const ON: &str = "[flags]\na = true\n";
const OFF: &str = "[flags]\na = false\n";
const LAST: &str = "[flags]\na = true\nlast = true\n";

/// More than a source accepts in any test.
const FLOOD: usize = 20_000;

/// Counts the events that subscribers receive.
fn count_events(guard: &Guard) -> (Arc<AtomicU64>, flagkit_core::Subscription) {
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    let subscription = guard.flags().subscribe(move |event| {
        if !matches!(event, Event::WarningsChanged(_)) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (count, subscription)
}

/// Returns how often something may happen since `start` if it happens at most once per interval.
fn times(start: Instant, interval: Duration) -> u64 {
    // The first one is free, and one may have begun.
    u64::try_from(start.elapsed().as_millis() / interval.as_millis()).expect("a short test") + 2
}

#[test]
fn two_documents_in_turn_are_published_at_a_limited_rate_and_the_newest_wins() {
    let server = Server::new(ON, &event("v0", ON));
    let guard = start(server.http_without_polls());
    wait_until("the document", || status(&guard).unchanged >= 1);
    let (events, _subscription) = count_events(&guard);
    let before = guard.flags().snapshot().revision();
    let started = Instant::now();
    let two: String = [OFF, ON].map(|text| chunk(&event("v", text))).concat();
    for mut stream in server.take_streams() {
        for _ in 0..FLOOD / 2 {
            stream.write_all(two.as_bytes()).expect("the stream is open");
        }
        stream.write_all(chunk(&event("last", LAST)).as_bytes()).expect("the stream is open");
    }
    wait_until("the newest document", || is_on(&guard, "last"));
    let published = guard.flags().snapshot().revision() - before;
    let limit = times(started, Duration::from_millis(50));
    assert!(published <= limit, "{published} publishes, of at most {limit}");
    assert!(events.load(Ordering::SeqCst) <= limit);
    assert_eq!((status(&guard).failures, server.streams()), (0, 1));
}

#[test]
fn distinct_invalid_documents_are_reported_at_a_limited_rate_and_a_valid_one_wins() {
    let server = Server::new(ON, &event("v0", ON));
    let guard = start(server.http_without_polls());
    wait_until("the document", || status(&guard).unchanged >= 1);
    let (events, _subscription) = count_events(&guard);
    let started = Instant::now();
    for mut stream in server.take_streams() {
        for number in 0..FLOOD {
            let invalid = chunk(&event("v", &format!("[flags]\na = {number} = {number}\n")));
            stream.write_all(invalid.as_bytes()).expect("the stream is open");
        }
        stream.write_all(chunk(&event("last", LAST)).as_bytes()).expect("the stream is open");
    }
    wait_until("the newest document", || is_on(&guard, "last"));
    let limit = times(started, Duration::from_secs(1));
    let refusals = status(&guard).failures;
    assert!((1..=limit).contains(&refusals), "{refusals} of at most {limit}");
    // Each may be an error and a change of state, and so is the recovery.
    assert!(events.load(Ordering::SeqCst) <= 2 * limit + 2);
    assert_eq!(server.streams(), 1);
}

#[test]
fn valid_and_invalid_documents_in_turn_are_reported_at_a_limited_rate() {
    let server = Server::new(ON, &event("v0", ON));
    let guard = start(server.http_without_polls());
    wait_until("the document", || status(&guard).unchanged >= 1);
    let (events, _subscription) = count_events(&guard);
    let started = Instant::now();
    for mut stream in server.take_streams() {
        for number in 0..FLOOD / 2 {
            let invalid = chunk(&event("v", &format!("[flags]\na = {number} = {number}\n")));
            let valid = chunk(&event("v", if number % 2 == 0 { OFF } else { ON }));
            stream.write_all((invalid + &valid).as_bytes()).expect("the stream is open");
        }
        stream.write_all(chunk(&event("last", LAST)).as_bytes()).expect("the stream is open");
    }
    wait_until("the newest document", || is_on(&guard, "last"));
    let (rejected, published) = (times(started, Duration::from_secs(1)), times(started, Duration::from_millis(50)));
    assert!(status(&guard).failures <= rejected);
    // Each rejection may change the state twice.
    assert!(events.load(Ordering::SeqCst) <= published + 3 * rejected);
}

/// Sends this again and again until the client closes the connection.
fn repeat(stream: &mut TcpStream, text: &str) -> io::Result<()> {
    let block = text.repeat((64 << 10) / text.len() + 1);
    loop {
        stream.write_all(block.as_bytes())?;
    }
}

/// The time that this process has spent on a processor.
#[cfg(target_os = "linux")]
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("proc");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("the name").split_whitespace().collect();
    // User and system time, in hundredths of a second.
    let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(10 * ticks)
}

/// Floods a stream with this after a document, and expects that client and server together soon use little of a
/// processor.
#[cfg(target_os = "linux")]
fn assert_little_work(name: &str, opening: &'static str, flood: &'static str) {
    if !in_own_process(module_path!(), name) {
        return;
    }
    let stub = Stub::new(move |request, stream| {
        if !request.is_stream_request() {
            return stream.write_all(document("v1", ON).as_bytes()).is_ok();
        }
        let opening = format!("{STREAM}{}{opening}", chunk(&event("v1", ON)));
        let _ = stream.write_all(opening.as_bytes()).and_then(|()| repeat(stream, flood));
        false
    });
    // The limit on documents determines how many bytes may come at once. A stream that ends is not opened again at once.
    let http = eager(&stub.url()).poll_every(Duration::from_secs(36_000)).max_len(1 << 16);
    let guard = start(http.retry(flagkit_sources::Retry::default()));
    wait_until("the document", || status(&guard).unchanged >= 1);
    wait_until("the burst is over", || {
        let (started, before) = (Instant::now(), processor_time());
        pause(Duration::from_secs(1));
        let (elapsed, used) = (started.elapsed(), processor_time().saturating_sub(before));
        println!("{used:?} of {elapsed:?}");
        used < elapsed / 5
    });
    assert!(is_on(&guard, "a") && guard.flags().snapshot().revision() == 1);
    assert!(guard.stop(STOP_TIMEOUT), "its thread is left");
}

#[test]
#[cfg(target_os = "linux")]
fn comments_without_end_cost_little() {
    assert_little_work("comments_without_end_cost_little", "", "3\r\n:\n\n\r\n");
}

#[test]
#[cfg(target_os = "linux")]
fn chunks_of_a_byte_without_end_cost_little() {
    assert_little_work("chunks_of_a_byte_without_end_cost_little", "2\r\n: \r\n", "1\r\nx\r\n");
}

#[test]
#[cfg(target_os = "linux")]
fn chunk_extensions_without_end_cost_little() {
    assert_little_work("chunk_extensions_without_end_cost_little", "", "3;xxxxx\r\n:\n\n\r\n");
}

#[test]
#[cfg(target_os = "linux")]
fn lines_without_contents_cost_little() {
    assert_little_work("lines_without_contents_cost_little", "c\r\nevent: toml\n\r\n", "5\r\ndata\n\r\n");
}

#[test]
fn comments_without_end_delay_no_poll_and_no_drop() {
    let stub = Stub::new(|request, stream| {
        if !request.is_stream_request() {
            return stream.write_all(document("v1", ON).as_bytes()).is_ok();
        }
        let _ = stream.write_all(STREAM.as_bytes()).and_then(|()| repeat(stream, &chunk(HEARTBEAT)));
        false
    });
    let guard = start(eager(&stub.url()));
    wait_until("many polls", || stub.polls().len() > 50);
    assert_eq!((guard.flags().snapshot().revision(), status(&guard).failures), (1, 0));
    assert!(guard.stop(STOP_TIMEOUT), "its thread is left");
}

/// No item of the stream ever comes, so only the limits on bytes and on silence apply.
#[test]
fn bytes_that_are_no_event_delay_no_poll_and_end_the_stream() {
    let streams = Arc::new(AtomicUsize::new(0));
    let stub = Stub::new({
        let streams = Arc::clone(&streams);
        move |request, stream| {
            if !request.is_stream_request() {
                return stream.write_all(document("v1", ON).as_bytes()).is_ok();
            }
            streams.fetch_add(1, Ordering::SeqCst);
            let opening = format!("{STREAM}{}0\r\n", chunk(&event("v1", ON)));
            // Trailers follow the last chunk.
            let _ = stream.write_all(opening.as_bytes()).and_then(|()| repeat(stream, "x: y\r\n"));
            false
        }
    });
    let guard = start(eager(&stub.url()).idle_timeout(Duration::from_millis(500)));
    wait_until("many polls", || stub.polls().len() > 50);
    wait_until("another stream", || streams.load(Ordering::SeqCst) > 1);
    assert!(is_on(&guard, "a") && guard.flags().snapshot().revision() == 1);
    assert!(guard.stop(STOP_TIMEOUT), "its thread is left");
}
