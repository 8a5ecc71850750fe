//! If the server is unreachable at the start, the source uses the document on disk and reports its age. Otherwise it
//! uses the new one.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::stored::{
    HOUR, NEVER, NEW, OLD, cache_of, end, http, serving, start, start_in_time, store_hour_old, unused_url,
};
use crate::support::stub::{Stub, answer, document, own_address};
use crate::support::{self, TestDir, is_on, last_error, pause, status, wait_for_state, wait_until};
use flagkit_core::source::{ErrorKind, Stage};
use flagkit_core::tooling::SourceState;
use flagkit_sources::{Builder, Http, OnFailedStart, Readiness};

/// A migration at a cold start: the last known stage is in the document on disk. Without one, the file below does not
/// count, because the server may state another stage; then the build's own stage is used.
#[test]
fn a_migration_starts_at_its_last_known_stage() {
    flagkit_core::migration! { static SPLIT: "split-name", range = Full, start = Shadow }
    const LIVE: &str = "[flags.split-name]\nstage = \"live\"\n";
    let folder = TestDir::new();
    let (path, file) = (folder.path("flags.cache"), folder.path("flags.toml"));
    std::fs::write(&file, "[flags.split-name]\nkind = \"migration\"\nstage = \"dual-write\"\n").expect("written");
    let start = |url: &str| {
        let builder = Builder::new().source(flagkit_sources::File::new(&file)).source(http(url, &path));
        builder
            .when_unreachable(OnFailedStart::StayDark)
            .startup_timeout(2 * support::DEADLINE)
            .start()
            .expect("starts")
    };
    let stage = |guard: &flagkit_sources::Guard| SPLIT.plan_in(guard.flags(), &()).map(|plan| plan.stage());
    assert_eq!(stage(&start(&unused_url())), Ok(Stage::Shadow), "the build's own stage");
    let url = unused_url();
    store_hour_old(&url, &path, LIVE, Some("v1"));
    // The document on disk states another stage than the file, two steps away: a problem, and no guess.
    assert!(stage(&start(&url)).is_err());
    std::fs::write(&file, "[flags.split-name]\nkind = \"migration\"\n").expect("written");
    assert_eq!(stage(&start(&url)), Ok(Stage::Live));
}

#[test]
fn without_a_server_it_is_stale_until_the_server_is_back() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let stub = Stub::on(own_address(), serving("v1", OLD));
    let url = stub.url();
    let first = start(http(&url, &path));
    assert!(is_on(&first, "a"));
    assert_eq!(first.wait_until_ready(Duration::ZERO), Readiness::Ready);
    drop(first);
    let cached = cache_of(&url, &path).load().expect("it is stored");
    assert_eq!((&*cached.bytes, cached.tag.as_deref()), (OLD.as_bytes(), Some("\"v1\"")));
    assert!(cached.at.elapsed().is_ok_and(|age| age < support::DEADLINE), "{:?}", cached.at);

    let address = end(stub);
    let second = start(http(&url, &path));
    assert!(is_on(&second, "a"), "there from the start");
    let status = status(&second);
    assert_eq!((status.state, status.last_good, status.loads), (SourceState::Stale, Some(cached.at), 1));
    assert!(last_error(&second).is_some());
    assert_eq!(second.wait_until_ready(Duration::from_millis(50)), Readiness::Stale);
    // Failures change neither the flags nor their age.
    wait_until("some tries", || support::status(&second).failures >= 5);
    assert!(is_on(&second, "a"));
    assert_eq!(support::status(&second).last_good, Some(cached.at));

    let _stub = Stub::on(address, serving("v2", NEW));
    assert_eq!(second.wait_until_ready(support::DEADLINE), Readiness::Ready);
    assert!(!is_on(&second, "a") && is_on(&second, "b"));
    wait_for_state(&second, SourceState::Fresh);
    assert_eq!(last_error(&second), None);
    assert_eq!(cache_of(&url, &path).load().expect("it is stored").bytes, NEW.as_bytes());
}

#[test]
fn not_modified_makes_the_stored_document_fresh() {
    wait_until("a start in time", not_modified_in_time);
}

fn not_modified_in_time() -> bool {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let stub = Stub::new(serving("v1", OLD));
    let at = store_hour_old(&stub.url(), &path, OLD, Some("\"v1\""));
    let Some(guard) = start_in_time(http(&stub.url(), &path).poll_every(NEVER)) else { return false };
    assert!(is_on(&guard, "a"));
    let status = status(&guard);
    assert_eq!((status.state, status.loads, status.failures), (SourceState::Fresh, 1, 0));
    assert!(status.last_good.is_some_and(|good| good > at), "the time of the confirmation");
    assert_eq!(guard.wait_until_ready(Duration::ZERO), Readiness::Ready);
    let tags: Vec<_> = stub.polls().iter().map(|poll| poll.header("if-none-match").map(str::to_owned)).collect();
    assert_eq!(tags, [Some("\"v1\"".to_owned())]);
    true
}

#[test]
fn a_newer_document_wins_over_the_one_on_disk() {
    wait_until("a start in time", newer_in_time);
}

fn newer_in_time() -> bool {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let stub = Stub::new(serving("v2", NEW));
    store_hour_old(&stub.url(), &path, OLD, Some("\"v1\""));
    let Some(guard) = start_in_time(http(&stub.url(), &path).poll_every(NEVER)) else { return false };
    assert!(!is_on(&guard, "a") && is_on(&guard, "b"));
    // The old document is never active, not even for a moment.
    assert_eq!((status(&guard).state, guard.flags().snapshot().revision()), (SourceState::Fresh, 1));
    assert_eq!(stub.polls()[0].header("if-none-match"), Some("\"v1\""));
    let cached = cache_of(&stub.url(), &path).load().expect("it is stored");
    assert_eq!((&*cached.bytes, cached.tag.as_deref()), (NEW.as_bytes(), Some("\"v2\"")));
    true
}

#[test]
fn an_invalid_document_of_the_server_keeps_the_one_on_disk() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let stub = Stub::new(serving("v2", "[flags\n"));
    let at = store_hour_old(&stub.url(), &path, OLD, Some("\"v1\""));
    let guard = start(http(&stub.url(), &path));
    assert!(is_on(&guard, "a"));
    assert_eq!((status(&guard).state, status(&guard).last_good), (SourceState::Stale, Some(at)));
    wait_until("some polls", || stub.polls().len() >= 3);
    assert!(stub.polls().iter().all(|poll| poll.header("if-none-match") == Some("\"v1\"")));
    assert_eq!(cache_of(&stub.url(), &path).load().expect("it stays").bytes, OLD.as_bytes());
}

/// The duration of a start with a document on disk and this server.
fn start_at(url: &str, configure: fn(Http) -> Http) -> Duration {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let at = store_hour_old(url, &path, OLD, Some("\"v1\""));
    let begin = Instant::now();
    let guard = start(configure(http(url, &path)));
    let took = begin.elapsed();
    let status = status(&guard);
    assert!(is_on(&guard, "a"), "after {took:?}: {status:?}");
    assert_eq!((status.state, status.last_good), (SourceState::Stale, Some(at)));
    took
}

/// This is at least the documented two seconds, and less than any timeout of the request or of the builder.
fn assert_two_seconds(took: Duration) {
    assert!((Duration::from_millis(1_900)..support::DEADLINE).contains(&took), "{took:?}");
}

#[test]
fn a_server_that_is_silent_is_waited_for_two_seconds() {
    let over = Arc::new(AtomicBool::new(false));
    let stub = Stub::new({
        let over = Arc::clone(&over);
        move |_, _| {
            wait_until("the test is over", || over.load(Ordering::SeqCst));
            false
        }
    });
    assert_two_seconds(start_at(&stub.url(), |http| http));
    over.store(true, Ordering::SeqCst);
}

/// Each byte arrives in time, but the last one never does.
fn drip(head: &'static str) -> Stub {
    Stub::new(move |_, stream| {
        let mut is_open = stream.write_all(head.as_bytes()).is_ok();
        while is_open {
            pause(Duration::from_millis(50));
            is_open = stream.write_all(b"#").is_ok();
        }
        false
    })
}

#[test]
fn a_server_that_drips_headers_is_waited_for_two_seconds() {
    assert_two_seconds(start_at(&drip("HTTP/1.1 200 OK\r\nx: ").url(), |http| http));
}

#[test]
fn a_server_that_drips_a_document_is_waited_for_two_seconds() {
    assert_two_seconds(start_at(&drip("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").url(), |http| http));
}

#[test]
fn a_server_that_redirects_slowly_is_waited_for_two_seconds() {
    let stub = Stub::new(|_, stream| {
        pause(Duration::from_millis(1_500));
        stream.write_all(answer("302 Found", "location: /flags.toml\r\n", "").as_bytes()).is_ok()
    });
    assert_two_seconds(start_at(&stub.url(), |http| http.follow_redirects(true)));
}

#[test]
fn a_start_from_the_cache_sends_no_request_until_it_is_done() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let stub = Stub::new(serving("v2", NEW));
    let at = store_hour_old(&stub.url(), &path, OLD, Some("\"v1\""));
    let guard = start(http(&stub.url(), &path).poll_every(HOUR / 2).max_staleness(Duration::MAX));
    assert!(is_on(&guard, "a"));
    let status = status(&guard);
    assert_eq!((status.state, status.last_good, status.loads), (SourceState::Stale, Some(at), 1));
    assert_eq!(guard.wait_until_ready(Duration::ZERO), Readiness::Stale);
    assert_eq!(stub.requests().len(), 0);
    guard.reload();
    assert_eq!(guard.wait_until_ready(support::DEADLINE), Readiness::Ready);
    assert!(is_on(&guard, "b"));
    assert_eq!(stub.polls()[0].header("if-none-match"), Some("\"v1\""));
}

#[test]
fn a_start_from_the_cache_polls_within_an_interval() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let stub = Stub::new(serving("v2", NEW));
    store_hour_old(&stub.url(), &path, OLD, Some("\"v1\""));
    let guard = start(http(&stub.url(), &path).poll_every(Duration::from_millis(500)).max_staleness(Duration::MAX));
    assert!(is_on(&guard, "a") || is_on(&guard, "b"));
    wait_until("it polls", || is_on(&guard, "b"));
    assert_eq!(status(&guard).state, SourceState::Fresh);
}

#[test]
fn a_start_from_a_cache_that_is_empty_polls_at_once() {
    let folder = TestDir::new();
    let stub = Stub::new(serving("v2", NEW));
    let guard = start(http(&stub.url(), &folder.path("flags.cache")).poll_every(NEVER).max_staleness(Duration::MAX));
    assert!(is_on(&guard, "b"));
    assert_eq!(status(&guard).state, SourceState::Fresh);
}

#[test]
fn without_a_server_and_without_a_document_the_policies_apply() {
    let folder = TestDir::new();
    let path = folder.path("flags.cache");
    let build = |url: &str, [missing, unreachable, invalid]: [OnFailedStart; 3]| {
        let builder = Builder::new().source(http(url, &path));
        let builder = builder.when_missing(missing).when_unreachable(unreachable).when_invalid(invalid);
        builder.startup_timeout(support::DEADLINE).start()
    };
    let (missing, invalid) =
        (Stub::responding(answer("404 Not Found", "", "")), Stub::responding(document("v1", "[flags\n")));
    let refusing = Stub::responding(answer("401 Unauthorized", "", ""));
    let cases = [(0, missing.url()), (1, unused_url()), (2, invalid.url()), (2, refusing.url())];
    for (kind, url) in &cases {
        // The policy in question is set among others that do not matter.
        let started = |start, others| {
            let mut policies = [others; 3];
            policies[*kind] = start;
            build(url, policies)
        };
        let error = started(OnFailedStart::Fail, OnFailedStart::StayDark).expect_err("refused");
        let kinds = [ErrorKind::Missing, ErrorKind::Unreachable, ErrorKind::Invalid];
        assert!(error.is_load() && error.failures()[0].1.kind() == kinds[*kind], "{error}");

        let dark = started(OnFailedStart::StayDark, OnFailedStart::Fail).expect("starts in the dark");
        assert_eq!(dark.wait_until_ready(Duration::from_millis(20)), Readiness::Dark);
        assert_eq!((status(&dark).state, status(&dark).last_good), (SourceState::Waiting, None));
        assert!(last_error(&dark).is_some());

        let without = started(OnFailedStart::Skip, OnFailedStart::Fail).expect("starts without it");
        assert_eq!(without.wait_until_ready(support::DEADLINE), Readiness::Ready, "the source is optional");
    }
    assert!(!path.exists());
    // By default, the start waits for an unreachable server.
    let guard = Builder::new().source(http(&unused_url(), &path)).start().expect("starts in the dark");
    assert_eq!(guard.readiness(), Readiness::Dark);
}
