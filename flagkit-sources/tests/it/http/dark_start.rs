//! A server that is unreachable at the start might have turned off what a lower file turns on. All of that is dark
//! until the server responds, unless the program chooses otherwise.

use std::net::{SocketAddr, TcpListener};

use crate::support::stub::{Stub, answer, document, eager, own_address};
use crate::support::{DEADLINE, TestDir, is_on, wait_until};
use flagkit_core::source::ErrorKind;
use flagkit_core::tooling::SourceState;
use flagkit_sources::{Builder, File, Guard, OnFailedStart, Readiness};

/// An address at which no server listens.
fn unused_address() -> SocketAddr {
    TcpListener::bind(own_address()).and_then(|listener| listener.local_addr()).expect("a free port")
}

/// A file with `a` turned on, and the server at this address above it.
fn builder(folder: &TestDir, address: SocketAddr) -> Builder {
    folder.write("[flags]\na = true\n");
    let http = eager(&format!("http://{address}/flags.toml"));
    Builder::new().source(File::new(folder.flags())).source(http).startup_timeout(DEADLINE)
}

fn kind(guard: &Guard) -> Option<ErrorKind> {
    guard.status().sources[1].last_error.as_ref().map(|error| error.kind())
}

#[test]
fn by_default() {
    let (folder, address) = (TestDir::new(), unused_address());
    let guard = builder(&folder, address).start().expect("it starts without the server");
    assert_eq!(kind(&guard), Some(ErrorKind::Unreachable));
    assert_eq!((is_on(&guard, "a"), guard.readiness()), (false, Readiness::Dark));
    let _stub = Stub::on(address, |request, stream| {
        use std::io::Write as _;
        !request.is_stream_request() && stream.write_all(document("v1", "[flags]\nb = true\n").as_bytes()).is_ok()
    });
    wait_until("the document of the server is loaded", || is_on(&guard, "b"));
    assert!(is_on(&guard, "a"), "the server does not declare it");
    wait_until("all is well", || guard.readiness() == Readiness::Ready);
}

#[test]
fn unless_the_program_can_do_without_it() {
    let folder = TestDir::new();
    let guard = builder(&folder, unused_address()).when_unreachable(OnFailedStart::Skip).start().expect("it starts");
    assert_eq!((is_on(&guard, "a"), guard.readiness()), (true, Readiness::Ready));
    // The policy for a missing document does not apply to an unreachable server.
    let guard = builder(&folder, unused_address()).when_missing(OnFailedStart::Skip).start().expect("it starts");
    assert!(!is_on(&guard, "a"));
}

#[test]
fn unless_the_program_cannot_start_without_it() {
    let folder = TestDir::new();
    let error = builder(&folder, unused_address())
        .when_unreachable(OnFailedStart::Fail)
        .start()
        .expect_err("it does not start");
    assert!(error.is_load(), "{error}");
}

#[test]
fn a_server_that_answers_no_is_another_matter() {
    let folder = TestDir::new();
    let unauthorized = Stub::responding(answer("401 Unauthorized", "", ""));
    let error = builder(&folder, unauthorized.address()).start().expect_err("a rejected request needs an operator");
    assert!(error.to_string().contains("401"), "{error}");

    let nothing = Stub::responding(answer("404 Not Found", "", ""));
    let guard = builder(&folder, nothing.address()).start().expect("there may be a document later");
    assert_eq!((kind(&guard), is_on(&guard, "a")), (Some(ErrorKind::Missing), false));
    assert_eq!(guard.status().sources[1].state, SourceState::Waiting);

    let overloaded = Stub::responding(answer("503 Service Unavailable", "", ""));
    let guard = builder(&folder, overloaded.address()).start().expect("it passes");
    assert_eq!((kind(&guard), is_on(&guard, "a")), (Some(ErrorKind::Unreachable), false));
}
