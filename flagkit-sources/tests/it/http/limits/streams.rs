//! An endless line or event ends a stream, costs little memory, and changes no flag.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crate::support::flood::{GOOD, Scenario, pour};
use crate::support::stub::{self, STREAM, Stub, chunk, document, eager};
use crate::support::{STOP_TIMEOUT, status, wait_until};

#[test]
fn a_line_without_end_ends_a_stream() {
    let scenario =
        Scenario::new(module_path!(), "a_line_without_end_ends_a_stream", "a line of more than 1048576 bytes");
    scenario.of_streams().run(|stream| {
        stream
            .write_all(format!("{STREAM}{}", chunk("event: toml\ndata: [flags]\ndata: evil=true\ndata:")).as_bytes())?;
        pour(stream, chunk(&"x".repeat(5_000)).as_bytes(), 1 << 30)
    });
}

#[test]
fn an_event_without_end_ends_a_stream() {
    let scenario =
        Scenario::new(module_path!(), "an_event_without_end_ends_a_stream", "an event of more than 8388608 bytes");
    scenario.of_streams().run(|stream| {
        stream.write_all(format!("{STREAM}{}", chunk("event: toml\ndata: [flags]\ndata: evil=true\n")).as_bytes())?;
        let line = format!("data: #{}\n", "x".repeat(1_000));
        pour(stream, chunk(&line.repeat(5)).as_bytes(), 1 << 30)
    });
}

/// Heartbeats as fast as the server can send them. The flags are confirmed at a limited rate.
#[test]
fn heartbeats_without_end_neither_change_a_flag_nor_delay_a_drop() {
    let stub = Stub::new(|request, stream| {
        if !request.is_stream_request() {
            return stream.write_all(document("v1", GOOD).as_bytes()).is_ok();
        }
        let opening = format!("{STREAM}{}", chunk(&stub::event("v1", GOOD)));
        let _ = stream.write_all(opening.as_bytes()).and_then(|()| pour(stream, chunk(":\n\n").as_bytes(), u64::MAX));
        false
    });
    let started = Instant::now();
    let guard = stub::start(eager(&stub.url()).poll_every(Duration::from_secs(36_000)));
    wait_until("many heartbeats", || status(&guard).unchanged > 30);
    // At most one in 50 ms, and the document itself.
    let (confirmations, elapsed) = (status(&guard).unchanged, started.elapsed());
    assert!(u128::from(confirmations) <= elapsed.as_millis() / 50 + 2, "{confirmations} in {elapsed:?}");
    assert_eq!((guard.flags().snapshot().revision(), status(&guard).failures), (1, 0));
    assert!(guard.stop(STOP_TIMEOUT), "its thread is left");
}
