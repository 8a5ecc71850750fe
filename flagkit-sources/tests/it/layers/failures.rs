//! A panic of a source, in its load or later, is reported. Its last flags stay, and the other sources continue.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::support::{self, Custom, TestDir, document, is_on, last_error, lit, status, wait_until};
use flagkit_core::Event;
use flagkit_core::source::{Load, LoadError, Publisher, Wake};
use flagkit_core::tooling::SourceState;
use flagkit_sources::{Builder, File, OnFailedStart};

#[test]
fn a_panic_in_the_load() {
    let panics =
        || Custom { load: || -> Result<Load, LoadError> { panic!("the schema is {}", 7) }, run: |_: &Publisher| {} };
    let error = Builder::new().source(panics()).start().expect_err("the source panics");
    let shown = error.to_string();
    assert!(
        shown.contains("custom:test") && shown.contains("panicked") && shown.contains("the schema is 7"),
        "{shown}"
    );

    let folder = TestDir::new();
    folder.write(document("checkout", false));
    let guard = Builder::new()
        .source(panics())
        .source(File::new(folder.flags()))
        .when_invalid(OnFailedStart::StayDark)
        .start()
        .expect("starts in the dark");
    assert_eq!(status(&guard).state, SourceState::Waiting);
    assert!(last_error(&guard).expect("an error").contains("the schema is 7"));
    folder.write(document("checkout", true));
    wait_until("the other source continues", || is_on(&guard, "checkout"));
}

#[test]
fn a_panic_while_it_runs() {
    let (now, panics_now) = mpsc::channel::<()>();
    let panics = Custom {
        load: || Ok(Load::new(lit(&["steady"]))),
        run: move |publisher: &Publisher| {
            publisher.publish(lit(&["steady", "second"]));
            panics_now.recv().expect("a message");
            panic!("lost the connection");
        },
    };
    let folder = TestDir::new();
    folder.write(document("checkout", false));
    let guard = Builder::new().source(panics).source(File::new(folder.flags())).start().expect("starts");
    wait_until("it publishes", || is_on(&guard, "second"));
    now.send(()).expect("it waits");
    wait_until("the panic is in the status", || last_error(&guard).is_some());
    assert!(last_error(&guard).expect("an error").contains("lost the connection"));
    assert_eq!((status(&guard).state, status(&guard).loads), (SourceState::Stale, 2));
    assert!(is_on(&guard, "steady") && is_on(&guard, "second"), "its last flags stay");
    folder.write(document("checkout", true));
    wait_until("the other source continues", || is_on(&guard, "checkout"));
}

#[test]
fn a_panic_with_no_message() {
    let panics =
        Custom { load: || -> Result<Load, LoadError> { std::panic::panic_any(7_u8) }, run: |_: &Publisher| {} };
    let error = Builder::new().source(panics).start().expect_err("the source panics").to_string();
    assert!(error.contains("panicked"), "{error}");
}

/// It never checks its signal, so the drop stops waiting for it after a while.
#[test]
fn a_source_that_does_not_stop_is_abandoned() {
    let (release, released) = mpsc::channel::<()>();
    let deaf = Custom {
        load: || Ok(Load::new(lit(&["steady"]))),
        run: move |publisher: &Publisher| {
            let _ = released.recv_timeout(2 * support::DEADLINE);
            publisher.publish(lit(&["too-late"]));
        },
    };
    let guard = Builder::new().source(deaf).start().expect("starts");
    let flags = guard.flags().clone();
    let begin = Instant::now();
    drop(guard);
    assert!(begin.elapsed() < support::DEADLINE / 2, "the drop took {:?}", begin.elapsed());
    assert_eq!(flags.status().sources[0].state, SourceState::Stopped);
    release.send(()).expect("it is still there");
    support::holds_for(Duration::from_millis(300), "its flags no longer count", || {
        flags.is_on("steady", &()) && !flags.is_on("too-late", &())
    });
}

/// A source may end by itself; its flags stay.
#[test]
fn a_source_that_ends_is_not_an_error() {
    let guard = Builder::new()
        .source(Custom { load: || Ok(Load::new(lit(&["steady"]))), run: |_: &Publisher| {} })
        .start()
        .expect("starts");
    support::holds_for(Duration::from_millis(200), "all is well", || {
        is_on(&guard, "steady") && status(&guard).state == SourceState::Fresh
    });
}

/// A source that fails all the time is reported once per error, not at each try.
#[test]
fn a_source_that_fails_in_a_loop_does_not_flood_the_subscribers() {
    let (now, starts_now) = mpsc::channel::<()>();
    let loops = Custom {
        load: || Ok(Load::new(lit(&["steady"]))),
        run: move |publisher: &Publisher| {
            starts_now.recv().expect("a message");
            while publisher.wait(Duration::from_micros(100)) != Wake::Stopped {
                publisher.fail(LoadError::new("the server is away"));
            }
        },
    };
    let guard = Builder::new().source(loops).start().expect("starts");
    let (sender, errors) = mpsc::channel();
    let _subscription = guard.flags().subscribe(move |event| {
        if let Event::LoadFailed(fault) = event {
            let _ = sender.send(format!("{fault:?}"));
        }
    });
    now.send(()).expect("it waits");
    wait_until("it has failed often", || status(&guard).failures > 200);
    assert!(errors.try_iter().count() <= 1);
    assert!(is_on(&guard, "steady"));
}
