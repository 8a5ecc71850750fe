//! The `ETag` of a rejected document is never sent. "Not modified" is accepted only as the response to a conditional
//! request.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::stub::{Stub, answer, document, eager, start};
use crate::support::{is_on, last_error, status, wait_for_state, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::Retry;

const GOOD: &str = "[flags]\na = true\n";

/// Polls get these responses in turn, and then the last one again and again.
fn stub(answers: &'static [fn() -> String]) -> Stub {
    let turn = AtomicUsize::new(0);
    Stub::new(move |request, stream| {
        if request.is_stream_request() {
            return false;
        }
        let turn = turn.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
        stream.write_all(answers[turn]().as_bytes()).is_ok()
    })
}

fn tags(stub: &Stub) -> Vec<Option<String>> {
    stub.polls().iter().map(|request| request.header("if-none-match").map(str::to_owned)).collect()
}

#[test]
fn an_invalid_document_keeps_the_tag_of_the_last_good_one() {
    let stub = stub(&[
        || document("v1", GOOD),
        || document("v2", "[flags\na = false\n"),
        || document("v2", "[flags\na = false\n"),
        || answer("304 Not Modified", "etag: \"v1\"\r\n", ""),
        || document("v3", "[flags]\na = false\n"),
        || answer("304 Not Modified", "etag: \"v3\"\r\n", ""),
    ]);
    // The source polls only on request.
    let hour = Duration::from_secs(3600);
    let mut retry = Retry::default();
    (retry.transient, retry.permanent) = ((hour, hour), (hour, hour));
    let guard = start(eager(&stub.url()).poll_every(hour).retry(retry).stream(false));
    assert!(is_on(&guard, "a"));
    guard.reload();
    wait_for_state(&guard, SourceState::Stale);
    assert!(is_on(&guard, "a") && last_error(&guard).expect("an error").contains("1:1"));
    guard.reload();
    wait_until("the second rejection", || status(&guard).failures == 2);
    guard.reload();
    wait_for_state(&guard, SourceState::Fresh);
    guard.reload();
    wait_until("the third version", || !is_on(&guard, "a"));
    for polls in 6..=7 {
        guard.reload();
        wait_until("a poll after it", || stub.polls().len() == polls && status(&guard).next_try.is_some());
    }
    let tag = |name: &str| Some(format!("\"{name}\""));
    let expected = [None, tag("v1"), tag("v1"), tag("v1"), tag("v1"), tag("v3"), tag("v3")];
    assert_eq!(tags(&stub)[..7], expected);
    wait_for_state(&guard, SourceState::Fresh);
    let status = status(&guard);
    assert_eq!((status.loads, status.failures), (2, 2));
    assert!(status.unchanged >= 1);
}

#[test]
fn not_modified_without_a_question_is_an_error() {
    let stub = stub(&[|| answer("304 Not Modified", "", ""), || document("v1", GOOD)]);
    let guard = start(eager(&stub.url()));
    wait_until("the document", || is_on(&guard, "a"));
    assert_eq!(status(&guard).failures, 1);
    assert_eq!(tags(&stub)[..2], [None, None]);
}

#[test]
fn a_server_without_tags_is_polled_unconditionally_and_the_same_text_is_no_change() {
    let stub = stub(&[|| answer("200 OK", "content-type: application/toml\r\n", GOOD)]);
    let guard = start(eager(&stub.url()));
    wait_until("some polls", || stub.polls().len() >= 5);
    assert!(tags(&stub).iter().all(Option::is_none));
    assert_eq!(guard.flags().snapshot().revision(), 1);
    assert_eq!(status(&guard).loads, 1);
}
