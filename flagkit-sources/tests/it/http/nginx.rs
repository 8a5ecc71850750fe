//! A directory that nginx serves is a sufficient flag server. The source follows changes and survives what nginx does.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use crate::support::nginx::{Logged, Nginx};
use crate::support::stub::{eager, start};
use crate::support::{is_on, last_error, status, wait_for_state, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::Guard;

/// A document that names its version. All lengths differ, because the tag holds the second and the length.
fn version(number: usize) -> String {
    format!("[flags]\nalways = true\nversion-{number} = true\n# {}\n", "x".repeat(number))
}

/// Waits for a version. A flag that is on in all versions stays on.
fn wait_for_version(guard: &Guard, number: usize) {
    let flag = format!("version-{number}");
    wait_until(&flag, || {
        assert!(is_on(guard, "always"), "before version {number}");
        is_on(guard, &flag)
    });
}

fn polls(nginx: &Nginx) -> Vec<Logged> {
    nginx.log().into_iter().filter(|logged| !logged.is_stream_request()).collect()
}

/// Sets the modification time to an hour ago.
fn age(path: &Path) {
    let file = File::options().write(true).open(path).expect("it is there");
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).expect("it is ours");
}

/// nginx makes an `ETag` from the length and the second of the change, so two changes within a second share one.
#[test]
fn changes_within_a_second_are_all_seen() {
    let Some(nginx) = Nginx::start("", "") else { return };
    let text = |number| format!("[flags]\nalways = true\nversion-{number} = true\n");
    nginx.write("flags.toml", &text(100));
    let guard = start(eager(&nginx.url("/flags.toml")));
    let started = Instant::now();
    for number in 100..140 {
        nginx.replace("flags.toml", &text(number));
        wait_for_version(&guard, number);
    }
    let tags: HashSet<String> = polls(&nginx).into_iter().map(|logged| logged.tag).collect();
    // Forty changes in less time share a second, whatever the machine does meanwhile.
    let is_slow = started.elapsed() >= Duration::from_secs(39);
    assert!(tags.len() < 40 || is_slow, "nginx gave each document its own tag, so this proves nothing");
}

/// The times of the files lie in the future, as after a correction of the clock, and are all the same.
#[test]
fn documents_with_one_tag_are_all_seen() {
    let Some(nginx) = Nginx::start("", "") else { return };
    let text = |number| format!("[flags]\nalways = true\nversion-{number} = true\n");
    let future = SystemTime::now() + Duration::from_secs(36_000);
    let replace = |number| {
        nginx.write("next.toml", &text(number));
        let file = File::options().write(true).open(nginx.served("next.toml")).expect("it is there");
        file.set_modified(future).expect("it is ours");
        fs::rename(nginx.served("next.toml"), nginx.served("flags.toml")).expect("it can be moved");
    };
    replace(100);
    let guard = start(eager(&nginx.url("/flags.toml")));
    for number in 100..120 {
        replace(number);
        wait_for_version(&guard, number);
    }
    let tags: HashSet<String> = polls(&nginx).into_iter().map(|logged| logged.tag).collect();
    assert_eq!(tags.len(), 1, "{tags:?}");
}

#[test]
fn a_file_comes_once_and_is_then_found_unchanged() {
    let Some(nginx) = Nginx::start("", "") else { return };
    nginx.write("flags.toml", &version(1));
    age(&nginx.served("flags.toml"));
    let guard = start(eager(&nginx.url("/flags.toml")));
    wait_for_version(&guard, 1);
    wait_until("some polls", || polls(&nginx).len() >= 6);
    let statuses: Vec<u16> = polls(&nginx).iter().map(|logged| logged.status).collect();
    assert_eq!(statuses[0], 200);
    assert!(statuses[1..].iter().all(|status| *status == 304), "{statuses:?}");
    let status = status(&guard);
    assert_eq!((status.state, status.loads, status.failures), (SourceState::Fresh, 1, 0));
    assert!(status.unchanged >= 3);
    // nginx serves only files, which shows at the first request for a stream.
    assert_eq!(nginx.log().iter().filter(|logged| logged.is_stream_request()).count(), 1);
    assert!(status.warnings.is_empty(), "{:?}", status.warnings);
}

#[test]
fn a_flip_is_followed_however_the_file_is_written() {
    let Some(nginx) = Nginx::start("", "") else { return };
    nginx.write("flags.toml", &version(0));
    let guard = start(eager(&nginx.url("/flags.toml")));
    wait_for_version(&guard, 0);
    for round in 0..8 {
        nginx.replace("flags.toml", &version(3 * round + 1));
        wait_for_version(&guard, 3 * round + 1);
        nginx.write("flags.toml", &version(3 * round + 2));
        wait_for_version(&guard, 3 * round + 2);
        fs::remove_file(nginx.served("flags.toml")).expect("it is there");
        nginx.write("flags.toml", &version(3 * round + 3));
        wait_for_version(&guard, 3 * round + 3);
    }
    wait_for_state(&guard, SourceState::Fresh);
}

#[test]
fn a_reload_of_nginx_loses_nothing() {
    let Some(mut nginx) = Nginx::start("", "") else { return };
    nginx.write("flags.toml", &version(0));
    let guard = start(eager(&nginx.url("/flags.toml")));
    for number in 1..=5 {
        let generation = nginx.reload();
        nginx.replace("flags.toml", &version(number));
        wait_for_version(&guard, number);
        wait_until("the new workers receive a poll", || {
            polls(&nginx).iter().any(|logged| logged.generation == generation)
        });
        assert!(is_on(&guard, "always"));
    }
    wait_for_state(&guard, SourceState::Fresh);
    assert_eq!(status(&guard).loads, 6);
}

#[test]
fn an_nginx_that_is_away_leaves_the_flags_as_they_were_until_it_is_back() {
    let Some(mut nginx) = Nginx::start("", "") else { return };
    nginx.write("flags.toml", &version(1));
    let guard = start(eager(&nginx.url("/flags.toml")));
    wait_for_version(&guard, 1);
    nginx.stop();
    wait_for_state(&guard, SourceState::Stale);
    assert!(is_on(&guard, "version-1") && last_error(&guard).is_some());
    let refusals = status(&guard).failures;
    wait_until("it goes on asking", || status(&guard).failures > refusals + 3);
    assert!(is_on(&guard, "version-1"));

    nginx.start_again();
    wait_for_state(&guard, SourceState::Fresh);
    assert!(is_on(&guard, "version-1"));
    nginx.replace("flags.toml", &version(2));
    wait_for_version(&guard, 2);
    assert_eq!(last_error(&guard), None);
}

#[test]
fn a_file_that_is_gone_is_missed_and_its_flags_stay() {
    let Some(nginx) = Nginx::start("", "") else { return };
    nginx.write("flags.toml", &version(1));
    let guard = start(eager(&nginx.url("/flags.toml")));
    wait_for_version(&guard, 1);
    fs::remove_file(nginx.served("flags.toml")).expect("it is there");
    wait_for_state(&guard, SourceState::Stale);
    let error = status(&guard).last_error.expect("an error");
    assert!(error.is_missing() && error.to_string().contains("404"), "{error}");
    assert!(is_on(&guard, "version-1"));
    nginx.replace("flags.toml", &version(2));
    wait_for_version(&guard, 2);
    wait_for_state(&guard, SourceState::Fresh);
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for() {
    let Some(nginx) = Nginx::start("", "") else { return };
    let guard = start(eager(&nginx.url("/flags.toml")));
    assert_eq!(status(&guard).state, SourceState::Waiting);
    nginx.replace("flags.toml", &version(1));
    wait_until("the first version", || is_on(&guard, "version-1"));
    wait_for_state(&guard, SourceState::Fresh);
}

#[test]
fn the_types_that_nginx_knows_and_does_not_know_are_taken() {
    let Some(nginx) = Nginx::start("", "") else { return };
    nginx.write("flags.toml", &version(1));
    nginx.write("flags.json", r#"{ "flags": { "from-json": true } }"#);
    for (path, flag, content_type) in
        [("/flags.toml", "version-1", "application/octet-stream"), ("/flags.json", "from-json", "application/json")]
    {
        let guard = start(eager(&nginx.url(path)));
        wait_until(flag, || is_on(&guard, flag));
        let documents = || nginx.log().into_iter().filter(|logged| logged.path == path && logged.status == 200);
        wait_until("it is logged", || documents().next().is_some());
        assert!(documents().all(|logged| logged.content_type == content_type), "{path}");
    }
}

#[test]
fn a_page_is_no_document_whatever_its_text() {
    let Some(nginx) = Nginx::start("", "default_type text/html;") else { return };
    nginx.write("flags.toml", &version(1));
    let guard = start(eager(&nginx.url("/flags.toml")));
    assert_eq!(status(&guard).state, SourceState::Waiting);
    assert!(last_error(&guard).expect("an error").contains("content type"));
    assert!(!is_on(&guard, "version-1"));
}

#[test]
fn a_redirect_to_a_directory_is_refused_unless_redirects_are_followed() {
    let Some(nginx) = Nginx::start("", "index flags.toml;") else { return };
    fs::create_dir(nginx.served("shop")).expect("a directory");
    nginx.write("shop/flags.toml", &version(1));
    let url = nginx.url("/shop");
    let guard = start(eager(&url));
    assert_eq!(status(&guard).state, SourceState::Waiting);
    let error = last_error(&guard).expect("an error");
    assert!(error.contains("301") && error.contains("redirect"), "{error}");
    wait_until("it is logged", || !nginx.log().is_empty());
    assert!(nginx.log().iter().all(|logged| logged.status == 301));
    drop(guard);

    let guard = start(eager(&url).follow_redirects(true));
    wait_for_version(&guard, 1);
    nginx.replace("shop/flags.toml", &version(2));
    wait_for_version(&guard, 2);
}

#[test]
fn a_document_is_taken_compressed() {
    let Some(nginx) = Nginx::start("", "gzip on; gzip_types *; gzip_min_length 1;") else { return };
    nginx.write("flags.toml", &version(900));
    let guard = start(eager(&nginx.url("/flags.toml")));
    wait_for_version(&guard, 900);
    nginx.replace("flags.toml", &version(901));
    wait_for_version(&guard, 901);
    wait_until("not modified", || polls(&nginx).last().is_some_and(|logged| logged.status == 304));
    let log = polls(&nginx);
    let documents: Vec<&Logged> = log.iter().filter(|logged| logged.status == 200).collect();
    assert!(documents.len() >= 2, "{log:?}");
    // A compressed response has a weak ETag. The client sends it back unchanged, and it matches.
    for document in documents {
        assert_eq!(document.content_encoding, "gzip");
        assert!(document.tag.starts_with("W/"), "{document:?}");
    }
    assert_eq!(status(&guard).failures, 0);
}
