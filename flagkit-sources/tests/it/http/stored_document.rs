//! The source stores its document on disk, confirms it, and ignores a file that is not its own.

use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::support::stored::{HOUR, NEVER, NEW, OLD, cache_of, end, http, serving, start, store_hour_old, unused_url};
use crate::support::stub::{STREAM, Stub, chunk, eager, event};
use crate::support::{self, TestDir, is_on, last_error, pause, status, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_core::{Event, Reason};
use flagkit_sources::{Http, Readiness};
use xxhash_rust::xxh3::xxh3_128;

/// A restart is as good as a process that keeps running, and no burden to the server.
#[test]
fn a_document_that_a_running_process_would_have_is_fresh() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let stub = Stub::new(serving("v2", NEW));
    let cache = cache_of(&stub.url(), &path);
    let source = || eager(&stub.url()).stream(false).cache(&path);
    let at = store_hour_old(&stub.url(), &path, OLD, Some("\"v1\""));

    // The document is a bit more than an hour old, then a minute old.
    let guard = start(source().poll_every(HOUR));
    wait_until("it is too old to be used without a poll", || is_on(&guard, "b"));
    let requests = stub.requests().len();
    assert!(requests >= 1);
    assert!(guard.stop(support::DEADLINE));
    store_hour_old(&stub.url(), &path, OLD, Some("\"v1\""));
    cache.touch(xxh3_128(OLD.as_bytes()), SystemTime::now() - Duration::from_secs(60)).expect("it is there");
    assert!(cache.load().expect("it is whole").at > at + HOUR / 2);
    let guard = start(source().poll_every(HOUR));
    assert!(is_on(&guard, "a") && !is_on(&guard, "b"));
    assert_eq!((status(&guard).state, guard.readiness()), (SourceState::Fresh, Readiness::Ready));
    assert_eq!(stub.requests().len(), requests, "no request was sent");
    assert_eq!(status(&guard).last_good, cache.load().map(|cached| cached.at));
    guard.reload();
    wait_until("it polls on request", || is_on(&guard, "b"));
    assert!(guard.stop(support::DEADLINE));

    // Neither a client with another document nor another source may confirm this one.
    store_hour_old(&stub.url(), &path, OLD, None);
    let now = SystemTime::now();
    assert!(cache.touch(xxh3_128(NEW.as_bytes()), now).is_err());
    assert!(cache_of("https://elsewhere.example/", &path).touch(xxh3_128(OLD.as_bytes()), now).is_err());
    let assert_polled = |http: Http| {
        let guard = start(http);
        wait_until("the document of the server", || is_on(&guard, "b"));
    };
    assert_polled(source().poll_every(HOUR));

    // The time is an hour in the future, so a clock was wrong and the time means nothing.
    store_hour_old(&stub.url(), &path, OLD, None);
    cache.touch(xxh3_128(OLD.as_bytes()), SystemTime::now() + HOUR).expect("it is there");
    assert_polled(source().poll_every(HOUR));
    // A minute is older than the limit.
    store_hour_old(&stub.url(), &path, OLD, None);
    cache.touch(xxh3_128(OLD.as_bytes()), SystemTime::now() - Duration::from_secs(60)).expect("it is there");
    assert_polled(source().poll_every(HOUR).max_staleness(Duration::from_secs(30)));
}

/// Either a poll that finds no change or a heartbeat of a stream confirms the document.
#[test]
fn the_document_on_disk_stays_fresh_while_the_server_confirms_it() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let stub = Stub::new(|request, stream| {
        if !request.is_stream_request() {
            return serving("v1", OLD)(request, stream);
        }
        let opening = format!("{STREAM}{}", chunk(&event("v1", OLD)));
        let mut is_open = stream.write_all(opening.as_bytes()).is_ok();
        while is_open {
            pause(Duration::from_millis(20));
            is_open = stream.write_all(chunk(":\n\n").as_bytes()).is_ok();
        }
        false
    });
    let cache = cache_of(&stub.url(), &path);
    let long_ago = SystemTime::now() - HOUR;
    for (offers, interval) in [(false, Duration::from_millis(20)), (true, NEVER)] {
        let guard = start(eager(&stub.url()).stream(offers).poll_every(interval).cache(&path));
        wait_until("it is stored", || cache.load().is_some());
        cache.touch(xxh3_128(OLD.as_bytes()), long_ago).expect("it is there");
        let text = fs::read(&path).expect("it is there");
        wait_until("it is confirmed", || cache.load().is_some_and(|cached| cached.at > long_ago + HOUR / 2));
        assert_eq!(fs::read(&path).expect("it is there"), text, "nothing was written");
        assert!(guard.stop(support::DEADLINE));
        cache.remove();
    }
}

/// Another version of the program, with more features, or any other program wrote it.
#[test]
fn a_stored_document_that_is_invalid_is_ignored() {
    for body in ["[flags\n", "", "{\"flags\": {\"a\": true}}"] {
        let folder = TestDir::new();
        let path = folder.path("flags.cache");
        let url = unused_url();
        store_hour_old(&url, &path, body, Some("\"v1\""));
        for limit in [Duration::ZERO, Duration::MAX] {
            let guard = start(http(&url, &path).max_staleness(limit));
            assert_eq!(guard.flags().evaluate("a", &()).reason(), Reason::NotFound, "{body:?}");
            assert_eq!((status(&guard).state, status(&guard).last_good), (SourceState::Waiting, None), "{body:?}");
        }
        // With a server the request is unconditional: "not modified" would refer to a document that the client does not
        // have.
        let stub = Stub::new(serving("v1", OLD));
        store_hour_old(&stub.url(), &path, body, Some("\"v1\""));
        let guard = start(http(&stub.url(), &path));
        assert!(is_on(&guard, "a"));
        assert_eq!(stub.polls()[0].header("if-none-match"), None);
    }
}

#[test]
fn a_stored_document_that_was_tampered_with_is_ignored() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let url = unused_url();
    store_hour_old(&url, &path, "[flags]\na = false\n", None);
    let text = fs::read_to_string(&path).expect("it is there").replace("a = false", "a = true ");
    fs::write(&path, text).expect("it is ours");
    let guard = start(http(&url, &path));
    assert!(!is_on(&guard, "a"));
    assert_eq!(status(&guard).state, SourceState::Waiting);
}

#[test]
fn the_document_of_another_url_is_ignored() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let stub = Stub::new(serving("v1", "[flags]\nb = true\n"));
    store_hour_old(&format!("{}.old", stub.url()), &path, OLD, Some("\"v1\""));
    let guard = start(http(&stub.url(), &path));
    assert!(!is_on(&guard, "a") && is_on(&guard, "b"));
    assert_eq!(stub.polls()[0].header("if-none-match"), None);
}

/// The same service with another query is another source, and may use the same `ETag`.
#[test]
fn the_document_of_another_query_is_ignored() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let stub = Stub::new(|request, stream| {
        let body = if request.head.contains("?env=staging ") { OLD } else { "[flags]\na = false\n" };
        serving("v1", body)(request, stream)
    });
    let staging = start(http(&format!("{}?env=staging", stub.url()), &path));
    assert!(is_on(&staging, "a"));
    drop(staging);
    let production = start(http(&format!("{}?env=production", stub.url()), &path));
    assert!(!is_on(&production, "a"), "{:?}", status(&production).state);
}

#[test]
fn a_cache_that_cannot_be_written_is_a_warning() {
    let folder = TestDir::new();
    let path = folder.path("missing/flags.cache");
    let is_new = Arc::new(AtomicBool::new(false));
    let stub = Stub::new({
        let is_new = Arc::clone(&is_new);
        move |request, stream| {
            if is_new.load(Ordering::SeqCst) {
                serving("v2", NEW)(request, stream)
            } else {
                serving("v1", OLD)(request, stream)
            }
        }
    });
    let guard = start(http(&stub.url(), &path));
    assert!(is_on(&guard, "a"));
    assert_eq!((status(&guard).state, last_error(&guard)), (SourceState::Fresh, None));
    wait_until("the warning", || !status(&guard).warnings.is_empty());
    let warnings = status(&guard).warnings;
    assert!(warnings.len() == 1 && warnings[0].starts_with("cannot write its cache: "), "{warnings:?}");
    let (sender, events) = mpsc::channel();
    let _subscription = guard.flags().subscribe(move |event| {
        if let Event::WarningsChanged(_) = event {
            let _ = sender.send(());
        }
    });
    wait_until("polls continue", || status(&guard).unchanged >= 3);
    assert_eq!(events.try_iter().count(), 0, "reported once");
    // The next document triggers another attempt.
    fs::create_dir(folder.path("missing")).expect("a directory");
    is_new.store(true, Ordering::SeqCst);
    wait_until("the new document", || is_on(&guard, "b"));
    wait_until("the warning is over", || status(&guard).warnings.is_empty());
    assert_eq!(cache_of(&stub.url(), &path).load().expect("it is stored").bytes, NEW.as_bytes());
}

/// A full disk, for a moment, must not cost the next start its flags, even if the document rarely changes.
#[test]
fn a_document_that_could_not_be_stored_is_stored_later() {
    let folder = TestDir::new();
    let path = folder.path("missing/flags.cache");
    let stub = Stub::new(serving("v1", OLD));
    let guard = start(http(&stub.url(), &path));
    wait_until("the warning", || !status(&guard).warnings.is_empty());
    fs::create_dir(folder.path("missing")).expect("a directory");
    wait_until("it is stored", || cache_of(&stub.url(), &path).load().is_some());
    wait_until("the warning is over", || status(&guard).warnings.is_empty());
}

/// Many processes of one machine share the file.
#[test]
fn many_that_start_together_share_the_file() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let stub = Stub::new(serving("v2", NEW));
    let url = stub.url();
    store_hour_old(&url, &path, OLD, Some("\"v1\""));
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let guard = start(http(&url, &path));
                wait_until("the document of the server", || is_on(&guard, "b"));
            });
        }
    });
    end(stub);
    let guard = start(http(&url, &path));
    assert!(is_on(&guard, "b"));
    assert_eq!(status(&guard).state, SourceState::Stale);
}
