//! A requested reload happens, a caller can wait for readiness, and a dropped guard stops its threads, whatever they
//! do.

use std::fs::{self, FileTimes, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{self, Custom, DEADLINE, TestDir, document, is_on, lit, status, wait_until};
use flagkit_core::source::{Load, LoadError, Publisher, Wake};
use flagkit_core::tooling::SourceState;
use flagkit_sources::{Builder, Env, File, Guard, Notify, OnFailedStart, Readiness};

/// No test runs this long.
const NEVER: Duration = Duration::from_secs(36_000);

/// Follows a file that is read only on request.
fn follow_on_request(path: &Path) -> Guard {
    support::start(File::new(path).notify(Notify::Off).poll_every(NEVER))
}

/// Waits for the source's first read after its load, so that whatever follows is a change.
fn wait_for_first_read(guard: &Guard) {
    wait_until("the first read", || status(guard).unchanged >= 1);
}

/// Writes a text of the same size in place, and restores the modification time.
fn rewrite(path: &Path, text: &str) {
    let before = fs::metadata(path).expect("it is there");
    let mut file = OpenOptions::new().write(true).open(path).expect("it is ours");
    file.write_all(text.as_bytes()).expect("written");
    file.set_times(FileTimes::new().set_modified(before.modified().expect("a time"))).expect("it is ours");
    let after = file.metadata().expect("it is open");
    assert_eq!((before.len(), before.modified().ok()), (after.len(), after.modified().ok()));
}

fn text(a: bool) -> String {
    // All documents have the same size.
    format!("[flags]\na = {a}\nb = {}\n", !a)
}

#[test]
fn a_rewrite_that_shows_in_neither_size_nor_time() {
    let folder = TestDir::new();
    folder.write(text(false));
    let guard = follow_on_request(&folder.flags());
    wait_for_first_read(&guard);
    for (loads, on) in [(1, true), (2, false), (3, true)] {
        rewrite(&folder.flags(), &text(on));
        support::holds_for(Duration::from_millis(200), "no reload is requested", || is_on(&guard, "a") != on);
        assert_eq!(status(&guard).loads, loads);
        guard.reload();
        wait_until("it is read", || is_on(&guard, "a") == on && is_on(&guard, "b") != on);
        wait_until("in one load", || status(&guard).loads == loads + 1);
    }
}

/// A thousand requests in a row, also during a read, do not queue up.
#[test]
fn many_requests_are_one_request() {
    let folder = TestDir::new();
    folder.write(text(false));
    let guard = follow_on_request(&folder.flags());
    for on in [true, false] {
        rewrite(&folder.flags(), &text(on));
        (0..1_000).for_each(|_| guard.reload());
        wait_until("it is read", || is_on(&guard, "a") == on);
    }
    let confirmations = status(&guard).unchanged;
    guard.reload();
    wait_until("the same file is confirmed", || status(&guard).unchanged > confirmations);
    assert_eq!(status(&guard).loads, 3);
}

/// The file is missing at the start and invalid later. A request finds the current file.
#[test]
fn a_request_finds_a_file_that_was_missing_and_one_that_is_invalid() {
    let folder = TestDir::new();
    let guard = follow_on_request(&folder.flags());
    // The source polls for a missing file by itself.
    folder.write(document("a", true));
    wait_until("it is there", || is_on(&guard, "a"));
    folder.write("[flags");
    guard.reload();
    support::wait_for_state(&guard, SourceState::Stale);
    folder.write(document("a", false));
    guard.reload();
    wait_until("it is repaired", || !is_on(&guard, "a"));
    support::wait_for_state(&guard, SourceState::Fresh);
}

#[test]
fn a_source_that_has_stopped_receives_no_request() {
    let (ended, has_ended) = mpsc::channel();
    let ends = Custom {
        load: || Ok(Load::new(lit(&["steady"]))),
        run: move |_: &Publisher| {
            let _ = ended.send(());
        },
    };
    let (signals, signal) = mpsc::channel();
    let runs = Custom {
        load: || Ok(Load::new(lit(&["other"]))),
        run: move |publisher: &Publisher| {
            let _ = signals.send(publisher.signal().clone());
            while publisher.wait(NEVER) != Wake::Stopped {
                publisher.publish(lit(&["other", "reloaded"]));
            }
        },
    };
    let vars = [("FLAG_X".into(), "on".into())];
    let builder = Builder::new().source(ends).source(Env::from_vars("FLAG_", vars)).source(runs);
    let guard = builder.start().expect("starts");
    has_ended.recv_timeout(DEADLINE).expect("it ends by itself");
    let loads = || guard.flags().status().sources.iter().map(|source| source.loads).collect::<Vec<_>>();
    assert_eq!(loads(), [1, 1, 1]);
    guard.reload();
    wait_until("the running source receives the request", || is_on(&guard, "reloaded"));
    guard.reload();
    support::holds_for(Duration::from_millis(100), "the others have ended", || loads()[..2] == [1, 1]);
    assert!(is_on(&guard, "steady") && is_on(&guard, "x"));

    // The holder of a signal may request a reload after the stop; it has no effect.
    let signal = signal.recv_timeout(DEADLINE).expect("it runs");
    let flags = guard.flags().clone();
    drop(guard);
    let before = flags.status();
    signal.reload();
    assert_eq!(signal.wait(Duration::ZERO), Wake::Stopped);
    let after = flags.status();
    assert_eq!(after.revision, before.revision);
    assert!(after.sources.iter().all(|source| source.state == SourceState::Stopped));
}

// Readiness.

/// Expects this final readiness after a long wait, and that it was different before.
fn without_waiting(guard: &Guard) -> Readiness {
    let begin = Instant::now();
    let readiness = guard.wait_until_ready(2 * DEADLINE);
    assert!(begin.elapsed() < DEADLINE, "{readiness:?} after {:?}", begin.elapsed());
    readiness
}

/// Expects this readiness after a wait that cannot succeed.
fn until_timeout(guard: &Guard) -> Readiness {
    let (begin, timeout) = (Instant::now(), Duration::from_millis(100));
    let readiness = guard.wait_until_ready(timeout);
    assert!(begin.elapsed() >= timeout, "{readiness:?} after {:?}", begin.elapsed());
    assert_eq!(guard.readiness(), readiness);
    readiness
}

#[test]
fn a_ready_source_is_not_waited_for() {
    let folder = TestDir::new();
    folder.write(document("a", true));
    let guard = support::follow(&folder.flags());
    assert_eq!(without_waiting(&guard), Readiness::Ready);
    assert_eq!(guard.wait_until_ready(Duration::ZERO), Readiness::Ready);
    assert_eq!(guard.wait_until_ready(Duration::MAX), Readiness::Ready);
    assert_eq!(without_waiting(&Builder::new().start().expect("starts")), Readiness::Ready, "no source is missing");
}

#[test]
fn the_least_ready_source_counts() {
    let folder = TestDir::new();
    let (low, middle, high) = (folder.path("low.toml"), folder.path("middle.json"), folder.path("high.toml"));
    fs::write(&low, document("a", true)).expect("written");
    let guard = Builder::new()
        .source(File::new(&low))
        .source(File::new(&middle))
        .source(File::new(&high))
        .source(Env::from_vars("FLAG_", []))
        .start()
        .expect("starts");
    assert_eq!(until_timeout(&guard), Readiness::Dark, "two are missing");
    fs::write(&middle, "{\"flags\": {}}").expect("written");
    wait_until("one is there", || guard.status().sources[1].state == SourceState::Fresh);
    assert_eq!(until_timeout(&guard), Readiness::Dark, "one is missing");
    fs::write(&low, "[flags").expect("written");
    wait_until("one is invalid", || guard.status().sources[0].state == SourceState::Stale);
    assert_eq!(until_timeout(&guard), Readiness::Dark, "one is missing, another one stale");
    fs::write(&high, "[flags]\n").expect("written");
    wait_until("all have flags", || guard.readiness() == Readiness::Stale);
    assert_eq!(until_timeout(&guard), Readiness::Stale);
    // The last source changes during the wait.
    thread::scope(|scope| {
        let waiting = scope.spawn(|| without_waiting(&guard));
        fs::write(&low, document("a", false)).expect("written");
        assert_eq!(waiting.join().expect("it does not panic"), Readiness::Ready);
    });
    assert!(!is_on(&guard, "a"));
}

#[test]
fn an_optional_source_that_is_missing_is_ready_and_one_that_is_invalid_is_not() {
    let folder = TestDir::new();
    folder.write(document("a", true));
    let overlay = folder.path("overlay.toml");
    let builder = || Builder::new().source(File::new(folder.flags())).source(File::new(&overlay));
    let guard =
        builder().when_missing(OnFailedStart::Skip).when_invalid(OnFailedStart::StayDark).start().expect("starts");
    assert_eq!(without_waiting(&guard), Readiness::Ready, "the missing source is optional");
    fs::write(&overlay, "[flags").expect("written");
    wait_until("it is invalid", || guard.readiness() == Readiness::Dark);
    assert_eq!(until_timeout(&guard), Readiness::Dark, "an invalid source counts");
    // The wait also ends when the error changes: the file is missing again.
    thread::scope(|scope| {
        let waiting = scope.spawn(|| without_waiting(&guard));
        fs::remove_file(&overlay).expect("it is there");
        assert_eq!(waiting.join().expect("it does not panic"), Readiness::Ready);
    });
    fs::write(&overlay, document("b", true)).expect("written");
    wait_until("it is there", || is_on(&guard, "b"));
    fs::remove_file(&overlay).expect("it is there");
    wait_until("it is missing", || guard.readiness() == Readiness::Stale);
    assert!(is_on(&guard, "b"), "its last good flags stay");

    fs::write(&overlay, "[flags").expect("written");
    let guard =
        builder().when_missing(OnFailedStart::StayDark).when_invalid(OnFailedStart::Skip).start().expect("starts");
    assert_eq!(without_waiting(&guard), Readiness::Ready, "an invalid source does not count");
    fs::remove_file(&overlay).expect("it is there");
    wait_until("it is missing", || guard.readiness() == Readiness::Dark);
}

#[test]
fn a_source_that_has_not_answered_is_waited_for() {
    let (answer, answers) = mpsc::channel();
    let slow = Custom {
        load: move || answers.recv_timeout(DEADLINE).map_err(|_| LoadError::new("no response")),
        run: |_: &Publisher| {},
    };
    // Both sources may fail, but neither has reported it yet.
    let builder = Builder::new().source(slow).when_missing(OnFailedStart::Skip).when_invalid(OnFailedStart::Skip);
    let guard = builder.startup_timeout(Duration::ZERO).start().expect("starts");
    assert_eq!(until_timeout(&guard), Readiness::Dark);
    assert_eq!(status(&guard).state, SourceState::Starting);
    thread::scope(|scope| {
        let waiting = [(); 3].map(|()| scope.spawn(|| without_waiting(&guard)));
        answer.send(Load::new(lit(&["a"]))).expect("it waits");
        for waiting in waiting {
            assert_eq!(waiting.join().expect("it does not panic"), Readiness::Ready);
        }
    });
    assert!(is_on(&guard, "a"));
}

// Stopping.

/// The test counts the threads of the whole process, so it runs by itself in a child, one case after the other.
#[cfg(all(feature = "http", target_os = "linux"))]
mod dropped {
    use std::fs;
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex, mpsc};
    use std::time::{Duration, Instant};

    use flagkit_core::Event;
    use flagkit_sources::{Builder, Guard, Http, OnFailedStart};

    use super::NEVER;
    use crate::support::stub::{Request, STREAM, Stub, chunk, document, eager, event};
    use crate::support::{DEADLINE, in_own_process, is_on, pause, wait_until};

    const DOCUMENT: &str = "[flags]\na = true\n";
    const OTHER: &str = "[flags]\na = true\nb = true\n";

    fn threads() -> usize {
        fs::read_dir("/proc/self/task").expect("tasks").count()
    }

    /// Responds, given the number of earlier requests.
    type Answer = fn(usize, &Request, &mut TcpStream) -> bool;

    fn good(stream: &mut TcpStream, text: &str) -> bool {
        stream.write_all(document("v1", text).as_bytes()).is_ok()
    }

    /// Writes a beginning and then a byte now and then, until the client closes the connection.
    fn drip(stream: &mut TcpStream, beginning: &str, byte: &str) -> bool {
        let mut is_open = stream.write_all(beginning.as_bytes()).is_ok();
        while is_open {
            pause(Duration::from_millis(20));
            is_open = stream.write_all(byte.as_bytes()).is_ok();
        }
        false
    }

    /// Writes a beginning and nothing more, until the client closes the connection.
    fn fall_silent(stream: &mut TcpStream, beginning: &str) -> bool {
        let _ = stream.write_all(beginning.as_bytes());
        let _ = stream.read(&mut [0]);
        false
    }

    /// Starts, waits for this many requests, and stops far sooner than the current request would end.
    fn check(what: &str, requests: usize, configure: fn(Http) -> Http, answer: Answer) {
        let before = threads();
        let requested = Arc::new(AtomicUsize::new(0));
        let stub = Stub::new({
            let requested = Arc::clone(&requested);
            move |request, stream| answer(requested.fetch_add(1, Ordering::SeqCst), request, stream)
        });
        // No timeout ends the request in progress, so that only the stop can.
        let http = eager(&stub.url()).header_timeout(NEVER).total_timeout(NEVER).idle_timeout(NEVER);
        let http = configure(http.stream(false));
        let builder = Builder::new().source(http).when_invalid(OnFailedStart::StayDark);
        // The first request may be the one that hangs.
        let startup_timeout = if requests == 1 { Duration::ZERO } else { DEADLINE };
        let guard = builder.startup_timeout(startup_timeout).start().expect("starts dark at worst");
        wait_until(what, || requested.load(Ordering::SeqCst) >= requests);
        // This is long enough for the client to start reading.
        pause(Duration::from_millis(60));
        let begin = Instant::now();
        assert!(guard.stop(DEADLINE), "{what}: its thread is left");
        println!("{what}: {:?}", begin.elapsed());
        drop(stub);
        wait_until(&format!("{what}: no thread is left"), || threads() == before);
    }

    /// A subscriber drops the guard on the thread that the drop would wait for.
    fn by_a_subscriber() {
        let before = threads();
        let turn = AtomicUsize::new(0);
        let stub = Stub::new(move |_, stream| {
            good(stream, if turn.fetch_add(1, Ordering::SeqCst) < 3 { DOCUMENT } else { OTHER })
        });
        let guard = Builder::new().source(eager(&stub.url()).stream(false)).start().expect("starts");
        let flags = guard.flags().clone();
        let (shared, (sender, dropped)) = (Arc::new(Mutex::new(Some(guard))), mpsc::channel());
        let subscription = flags.subscribe(move |event| {
            if let Event::Changed(_) = event {
                let guard: Option<Guard> = shared.lock().expect("no panic").take();
                let begin = Instant::now();
                drop(guard);
                let _ = sender.send(begin.elapsed());
            }
        });
        let took = dropped.recv_timeout(DEADLINE).expect("it does not hang");
        println!("in a subscriber: {took:?}");
        assert!(took < DEADLINE, "in a subscriber: {took:?}");
        drop((stub, subscription));
        wait_until("in a subscriber: no thread is left", || threads() == before);
        assert!(flags.is_on("b", &()));
    }

    /// Opening a connection cannot be interrupted. The drop does not wait for it; the thread ends afterwards.
    fn while_a_connection_is_opened() {
        let before = threads();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        // No server accepts these connections. Once the backlog is full, the system ignores further ones.
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            waiting.push(stream);
        }
        let http = eager(&format!("http://{address}/flags.toml")).connect_timeout(NEVER);
        let guard = Builder::new().source(http).startup_timeout(Duration::ZERO).start().expect("it has not failed yet");
        wait_until("its thread is there", || threads() > before);
        pause(Duration::from_millis(60));
        let begin = Instant::now();
        drop(guard);
        let took = begin.elapsed();
        println!("while a connection is opened: {took:?}");
        // The system itself gives up after two minutes.
        assert!(took < DEADLINE / 2, "while a connection is opened: {took:?}");
        // The system refuses the connection at its next try.
        drop((waiting, listener));
        wait_until("while a connection is opened: no thread is left", || threads() == before);
    }

    /// A drop does not wait forever for a subscriber. Its thread ends when the subscriber returns.
    fn while_a_subscriber_is_called() {
        let before = threads();
        let turn = AtomicUsize::new(0);
        let stub = Stub::new(move |_, stream| {
            good(stream, if turn.fetch_add(1, Ordering::SeqCst) < 3 { DOCUMENT } else { OTHER })
        });
        let guard = Builder::new().source(eager(&stub.url()).stream(false)).start().expect("starts");
        let ((sender, called), (release, released)) = (mpsc::channel(), mpsc::channel::<()>());
        let released = Mutex::new(released);
        let subscription = guard.flags().subscribe(move |event| {
            if let Event::Changed(_) = event {
                let _ = sender.send(());
                let _ = released.lock().expect("no panic").recv_timeout(2 * DEADLINE);
            }
        });
        called.recv_timeout(DEADLINE).expect("it is called");
        assert!(is_on(&guard, "b"), "the flags do not wait for it");
        let begin = Instant::now();
        drop(guard);
        let took = begin.elapsed();
        println!("while a subscriber is called: {took:?}");
        assert!(took < DEADLINE / 2, "while a subscriber is called: {took:?}");
        release.send(()).expect("it waits");
        drop((stub, subscription));
        wait_until("while a subscriber is called: no thread is left", || threads() == before);
    }

    #[test]
    fn a_dropped_guard_takes_its_threads_along() {
        if !in_own_process(module_path!(), "a_dropped_guard_takes_its_threads_along") {
            return;
        }
        check("idle", 1, |http| http.poll_every(NEVER), |_, _, stream| good(stream, DOCUMENT));
        check("between failures", 3, |http| http, |_, _, _| false);
        check("at the first load", 1, |http| http, |_, _, stream| fall_silent(stream, ""));
        let polls: [(&str, Answer); 4] = [
            ("no answer", |turn, _, stream| if turn < 1 { good(stream, DOCUMENT) } else { fall_silent(stream, "") }),
            ("headers that drip", |turn, _, stream| {
                if turn < 1 { good(stream, DOCUMENT) } else { drip(stream, "HTTP/1.1 200 OK\r\nx: ", "x") }
            }),
            ("a body that drips", |turn, _, stream| {
                let beginning = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
                if turn < 1 { good(stream, DOCUMENT) } else { drip(stream, beginning, "#") }
            }),
            ("a body that ends half-way", |turn, _, stream| {
                let beginning = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n[flags]";
                if turn < 1 { good(stream, DOCUMENT) } else { fall_silent(stream, beginning) }
            }),
        ];
        for (what, answer) in polls {
            check(what, 2, |http| http, answer);
        }
        let streams: [(&str, Answer); 3] = [
            ("a stream that is silent", |_, request, stream| {
                let beginning = format!("{STREAM}{}", chunk(&event("v1", DOCUMENT)));
                if request.is_stream_request() { fall_silent(stream, &beginning) } else { good(stream, DOCUMENT) }
            }),
            ("a stream that gives signs of life", |_, request, stream| {
                if request.is_stream_request() { drip(stream, STREAM, &chunk(":\n")) } else { good(stream, DOCUMENT) }
            }),
            ("a stream within a line", |_, request, stream| {
                if request.is_stream_request() { drip(stream, STREAM, &chunk("data")) } else { good(stream, DOCUMENT) }
            }),
        ];
        for (what, answer) in streams {
            check(what, 2, |http| http.stream(true).poll_every(NEVER), answer);
        }
        by_a_subscriber();
        while_a_subscriber_is_called();
        while_a_connection_is_opened();
    }
}
