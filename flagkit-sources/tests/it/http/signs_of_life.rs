//! A stream replaces the polls only from its first valid document on. A sign of life is not a document.

use std::time::Duration;

use crate::support::streams::{HEARTBEAT, Server};
use crate::support::stub::{answer, document, event, start};
use crate::support::{is_on, status, wait_for_state, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::Guard;

const ON: &str = "[flags]\na = true\n";
const OFF: &str = "[flags]\na = false\n";
const INVALID: &str = "[flags\n";

/// Expects polls to continue while the stream sends this.
fn assert_polls_continue(what: &str, server: &Server, text: &str) {
    let polls = server.polls();
    wait_until(what, || {
        if !text.is_empty() {
            server.send(text);
        }
        server.polls() > polls + 10
    });
}

/// Sends a document with this flag and heartbeats after it, and expects no poll from the document on.
fn assert_replaces_polls(server: &Server, guard: &Guard, flag: &str) {
    server.send_document(flag, &format!("[flags]\na = true\n{flag} = true\n"));
    wait_until(flag, || is_on(guard, flag));
    // One thread polls and publishes, so no poll is in progress.
    let polls = server.polls();
    for _ in 0..10 {
        let confirmations = status(guard).unchanged;
        wait_until(flag, || {
            server.send(HEARTBEAT);
            status(guard).unchanged > confirmations
        });
    }
    assert_eq!(server.polls(), polls, "{flag}");
}

#[test]
fn comments_without_a_document_replace_no_poll() {
    let server = Server::new(ON, HEARTBEAT);
    let guard = start(server.http());
    wait_until("a stream", || server.streams() == 1);
    assert_polls_continue("polls beside comments", &server, HEARTBEAT);
    server.set_poll(document("v2", OFF));
    wait_until("a change, by polling", || !is_on(&guard, "a"));
    assert_eq!((server.streams(), status(&guard).state, status(&guard).failures), (1, SourceState::Fresh, 0));
    // Comments confirm nothing: the server fails, and the flags are stale although the stream is open.
    server.set_poll(answer("500 Internal Server Error", "", ""));
    wait_for_state(&guard, SourceState::Stale);
    assert_polls_continue("polls after an error", &server, HEARTBEAT);
    assert_eq!((server.streams(), status(&guard).state), (1, SourceState::Stale));
    // The document of the stream counts.
    assert_replaces_polls(&server, &guard, "third");
    assert_eq!(status(&guard).state, SourceState::Fresh);
}

#[test]
fn other_events_without_a_document_replace_no_poll() {
    for other in [
        "event: message\ndata: [flags]\n\n",
        "event: ping\ndata: {}\n\n",
        "data: x\n\n",
        "retry: 1\n\n",
        "event: toml\n\n",
        "id: \"v9\"\n\n",
    ] {
        let server = Server::new(ON, other);
        let guard = start(server.http());
        wait_until("a stream", || server.streams() == 1);
        assert_polls_continue(other, &server, other);
        assert_eq!((status(&guard).loads, status(&guard).failures), (1, 0));
    }
}

#[test]
fn a_stream_without_anything_replaces_no_poll() {
    let server = Server::new(ON, "");
    let guard = start(server.http());
    wait_until("a stream", || server.streams() == 1);
    assert_polls_continue("polls beside silence", &server, "");
    server.set_poll(document("v2", OFF));
    wait_until("a change, by polling", || !is_on(&guard, "a"));
    assert_eq!(server.streams(), 1);
}

#[test]
fn a_document_replaces_polls_while_signs_of_life_follow() {
    let server = Server::new(ON, HEARTBEAT);
    let guard = start(server.http());
    wait_until("a stream", || server.streams() == 1);
    assert_replaces_polls(&server, &guard, "first");
    assert_replaces_polls(&server, &guard, "second");
    assert_eq!(server.streams(), 1);
}

#[test]
fn a_rejected_document_ends_the_replacement_until_a_valid_one() {
    let server = Server::new(ON, &event("v1", INVALID));
    let guard = start(server.http());
    wait_until("the rejection", || status(&guard).failures >= 1);
    assert_polls_continue("polls after a first document that is invalid", &server, HEARTBEAT);
    assert_replaces_polls(&server, &guard, "second");
    let refusals = status(&guard).failures;
    server.send_document("v3", INVALID);
    wait_until("another rejection", || status(&guard).failures > refusals);
    assert_polls_continue("polls after an invalid document", &server, HEARTBEAT);
    server.set_poll(document("v4", OFF));
    wait_until("a change, by polling", || !is_on(&guard, "a"));
    assert_eq!(server.streams(), 1);
}

#[test]
fn a_quiet_stream_replaces_no_poll_until_its_next_sign_of_life() {
    let server = Server::new(ON, HEARTBEAT);
    // The stream counts as quiet after 10 seconds, and as lost after 20.
    let guard = start(server.http().idle_timeout(Duration::from_secs(20)));
    wait_until("a stream", || server.streams() == 1);
    assert_replaces_polls(&server, &guard, "first");
    let polls = server.polls();
    server.set_poll(document("v2", OFF));
    wait_until("a change, by polling", || !is_on(&guard, "a"));
    assert!(server.polls() > polls);
    assert_replaces_polls(&server, &guard, "second");
    assert_eq!((server.streams(), status(&guard).failures), (1, 0));
}

#[test]
fn each_stream_has_to_bring_its_own_document() {
    let server = Server::new(ON, HEARTBEAT);
    let guard = start(server.http());
    wait_until("a stream", || server.streams() == 1);
    assert_replaces_polls(&server, &guard, "first");
    server.end_streams();
    wait_until("another stream", || server.streams() == 2);
    assert_polls_continue("polls beside comments", &server, HEARTBEAT);
    server.set_poll(document("v2", OFF));
    wait_until("a change, by polling", || !is_on(&guard, "a"));
    assert_replaces_polls(&server, &guard, "second");
    assert_eq!(server.streams(), 2);
}

#[test]
fn a_stream_that_brings_no_document_for_long_is_a_warning() {
    let server = Server::new(ON, HEARTBEAT);
    let guard = start(server.http().idle_timeout(Duration::from_secs(1)));
    let warning = "its stream has brought no document yet, changes are detected by polling";
    let is_warned = || status(&guard).warnings.iter().any(|known| **known == *warning);
    wait_until("the warning", || {
        server.send(HEARTBEAT);
        is_warned()
    });
    wait_until("the end of the warning", || {
        server.send_document("v1", ON);
        !is_warned()
    });
}
