//! A redirect is an error by default. If the program allows redirects, they stay within the origin, and secrets go
//! nowhere else.

use std::io::{ErrorKind, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::stub::{Request, Stub, answer, document, eager, start};
use crate::support::{is_on, last_error, status, wait_for_state, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::Http;

const CANARY: &str = "c4n4ry";
const GOOD: &str = "[flags]\na = true\n";
const EVIL: &str = "[flags]\na = false\nevil = true\n";

/// A server that no client may contact. It records every connection.
struct Elsewhere(TcpListener);

impl Elsewhere {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        listener.set_nonblocking(true).expect("it can be set");
        Self(listener)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("it is bound")
    }

    fn assert_untouched(&self, what: &str) {
        match self.0.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            other => panic!("{what} led elsewhere: {other:?}"),
        }
    }
}

fn redirect(status: &str, location: &str) -> String {
    answer(status, &format!("location: {location}\r\ncontent-type: application/toml\r\n"), EVIL)
}

fn with_canary(url: &str) -> Http {
    eager(url).bearer_token(CANARY).and_then(|http| http.header("X-Api-Key", CANARY)).expect("headers")
}

fn path(request: &Request) -> &str {
    request.head.split(' ').nth(1).expect("a request line")
}

/// Serves the first poll, and answers every other request with this redirect.
fn astray(status: &'static str, location: impl Fn(SocketAddr) -> String + Send + Sync + 'static) -> Stub {
    let turn = AtomicUsize::new(0);
    Stub::new(move |_, stream| {
        let here = stream.local_addr().expect("it is connected");
        let answer = match turn.fetch_add(1, Ordering::SeqCst) {
            0 => document("v1", GOOD),
            _ => redirect(status, &location(here)),
        };
        stream.write_all(answer.as_bytes()).is_ok()
    })
}

/// The target of a redirect, given the address of the server.
type Location = dyn Fn(SocketAddr) -> String + Send + Sync;

/// The path and the secret of each request, in order.
fn paths(stub: &Stub) -> Vec<String> {
    stub.requests().iter().map(|request| path(request).to_owned()).collect()
}

#[test]
fn by_default_a_redirect_is_an_error_wherever_it_leads() {
    for status_line in [
        "300 Multiple Choices",
        "301 Moved Permanently",
        "302 Found",
        "303 See Other",
        "305 Use Proxy",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let elsewhere = Elsewhere::new();
        let there = elsewhere.address();
        for is_here in [true, false] {
            let to = move |here| format!("http://{}/other.toml", if is_here { here } else { there });
            let stub = astray(status_line, to);
            let guard = start(with_canary(&stub.url()).stream(false));
            wait_until("some tries", || status(&guard).failures >= 3);
            assert!(is_on(&guard, "a") && !is_on(&guard, "evil"));
            let error = last_error(&guard).expect("an error");
            assert!(error.contains(&status_line[..3]) && error.contains("redirect"), "{error}");
            assert_eq!(status(&guard).state, SourceState::Stale);
            assert!(paths(&stub).iter().all(|path| path == "/flags.toml"), "{:?}", paths(&stub));
        }
        elsewhere.assert_untouched(status_line);
    }
}

#[test]
fn a_redirect_to_another_origin_is_not_followed_even_on_request() {
    let elsewhere = Elsewhere::new();
    let there = elsewhere.address();
    let locations: Vec<(&str, Box<Location>)> = vec![
        ("another port", Box::new(move |_| format!("http://{there}/flags.toml"))),
        ("another host", Box::new(move |_| format!("http://localhost:{}/flags.toml", there.port()))),
        ("another name of the host", Box::new(|here| format!("http://localhost:{}/evil", here.port()))),
        ("another spelling of the host", Box::new(|here| format!("http://127.1:{}/evil", here.port()))),
        ("another loopback address", Box::new(|here| format!("http://127.0.0.2:{}/evil", here.port()))),
        ("the usual port", Box::new(|_| "http://127.0.0.1/evil".to_owned())),
        ("another scheme", Box::new(move |_| format!("https://{there}/flags.toml"))),
        ("another scheme, the same place", Box::new(|here| format!("https://{here}/evil"))),
        ("the scheme as it is", Box::new(move |_| format!("//{there}/flags.toml"))),
        ("ours as a user", Box::new(move |here| format!("http://{here}@{there}/flags.toml"))),
        ("ours as a user and password", Box::new(move |_| format!("http://127.0.0.1:80@{there}/flags.toml"))),
        ("backslashes", Box::new(move |_| format!("http:\\\\{there}\\flags.toml"))),
        ("capitals", Box::new(move |_| format!("HTTP://{there}/flags.toml"))),
        ("a name with ours in it", Box::new(move |here| format!("http://{here}.localhost:{}/", there.port()))),
        ("metadata", Box::new(|_| "http://169.254.169.254/latest/meta-data/".to_owned())),
        ("a file", Box::new(|_| "file:///etc/passwd".to_owned())),
        ("data", Box::new(|_| "data:application/toml,[flags]%0Aevil%20=%20true".to_owned())),
        ("nothing", Box::new(|_| String::new())),
        ("no text", Box::new(|_| "http://\u{fe}\u{ff}/".to_owned())),
    ];
    for (what, location) in locations {
        let stub = astray("302 Found", location);
        let guard = start(with_canary(&stub.url()).stream(false).follow_redirects(true));
        wait_until(what, || status(&guard).failures >= 3);
        elsewhere.assert_untouched(what);
        assert!(is_on(&guard, "a") && !is_on(&guard, "evil"), "{what}");
        let error = last_error(&guard).expect("an error");
        assert!(error.contains("302") && error.contains("redirect"), "{what}: {error}");
        for request in stub.requests() {
            let host = stub.address().to_string();
            assert_eq!((path(&request), request.header("host")), ("/flags.toml", Some(&*host)), "{what}");
        }
    }
}

/// Each request to the same origin carries the secrets. A chain ends at the first redirect that leaves the origin.
#[test]
fn a_row_of_redirects_ends_where_it_leaves_the_origin() {
    let elsewhere = Elsewhere::new();
    let there = elsewhere.address();
    let stub = Stub::new(move |request, stream| {
        let answer = match path(request) {
            "/flags.toml" => redirect("301 Moved Permanently", "/next"),
            _ => redirect("307 Temporary Redirect", &format!("http://{there}/flags.toml")),
        };
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let guard = start(with_canary(&stub.url()).follow_redirects(true));
    wait_until("some tries", || status(&guard).failures >= 3);
    assert!(!is_on(&guard, "evil"));
    elsewhere.assert_untouched("the second");
    assert_eq!(paths(&stub)[..4], ["/flags.toml", "/next", "/flags.toml", "/next"]);
}

#[test]
fn followed_on_request_up_to_three_redirects_lead_to_a_document() {
    let stub = Stub::new(|request, stream| {
        let here = stream.local_addr().expect("it is connected");
        let answer = match path(request) {
            _ if request.is_stream_request() => return false,
            "/flags.toml" => redirect("301 Moved Permanently", "/one?a=b"),
            "/one?a=b" => redirect("302 Found", &format!("http://{here}/two#part")),
            "/two" => redirect("308 Permanent Redirect", &format!("HTTP://{here}/three.json")),
            "/three.json" if request.header("if-none-match") == Some("\"v1\"") => {
                answer("304 Not Modified", "etag: \"v1\"\r\n", "")
            }
            _ => document("v1", GOOD),
        };
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let guard = start(with_canary(&stub.url()).follow_redirects(true));
    assert!(is_on(&guard, "a"), "{:?}", last_error(&guard));
    // The next poll starts again at the configured URL, with the ETag of the stored document.
    wait_until("not modified", || status(&guard).unchanged >= 1);
    let row = ["/flags.toml", "/one?a=b", "/two", "/three.json"];
    let polls: Vec<_> = stub.polls().iter().map(|request| path(request).to_owned()).collect();
    assert_eq!((&polls[..4], &polls[4..8]), (&row.map(str::to_owned)[..], &row.map(str::to_owned)[..]));
    for request in stub.requests() {
        assert_eq!(request.header("x-api-key"), Some(CANARY));
        assert_eq!(request.header("authorization"), Some(&*format!("Bearer {CANARY}")));
    }
    assert_eq!(status(&guard).failures, 0);
}

#[test]
fn a_fourth_redirect_in_a_row_is_not_followed() {
    let stub = Stub::new(|request, stream| {
        let answer = match path(request) {
            "/flags.toml" => redirect("302 Found", "/1"),
            "/1" => redirect("302 Found", "/2"),
            "/2" => redirect("302 Found", "/3"),
            "/3" => redirect("302 Found", "/4"),
            _ => document("v1", EVIL),
        };
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let guard = start(eager(&stub.url()).stream(false).follow_redirects(true));
    wait_until("some tries", || status(&guard).failures >= 2);
    let error = last_error(&guard).expect("an error");
    assert!(error.contains("more than 3 redirects"), "{error}");
    assert!(!is_on(&guard, "evil") && !paths(&stub).contains(&"/4".to_owned()), "{:?}", paths(&stub));
}

#[test]
fn a_redirect_in_a_circle_ends_and_is_tried_again() {
    let turn = AtomicUsize::new(0);
    let stub = Stub::new(move |_, stream| {
        let answer = match turn.fetch_add(1, Ordering::SeqCst) {
            0..12 => redirect("302 Found", "/flags.toml"),
            _ => document("v1", GOOD),
        };
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let guard = start(eager(&stub.url()).stream(false).follow_redirects(true));
    wait_for_state(&guard, SourceState::Fresh);
    assert!(is_on(&guard, "a"));
    // Each try makes four requests.
    assert_eq!(status(&guard).failures, 3);
}

#[test]
fn a_redirect_without_a_place_is_an_error() {
    for follow in [false, true] {
        let stub = Stub::responding(answer("302 Found", "content-type: application/toml\r\n", EVIL));
        let guard = start(eager(&stub.url()).follow_redirects(follow));
        let error = last_error(&guard).expect("an error");
        assert!(error.contains("302") && !is_on(&guard, "evil"), "{error}");
    }
}

#[test]
fn a_stream_is_not_led_elsewhere_either() {
    for follow in [false, true] {
        let elsewhere = Elsewhere::new();
        let there = elsewhere.address();
        let stub = Stub::new(move |request, stream| {
            let answer = if request.is_stream_request() {
                redirect("307 Temporary Redirect", &format!("http://{there}/flags.toml"))
            } else {
                document("v1", GOOD)
            };
            stream.write_all(answer.as_bytes()).is_ok()
        });
        let guard = start(with_canary(&stub.url()).follow_redirects(follow));
        wait_until("some streams", || {
            stub.requests().iter().filter(|request| request.is_stream_request()).count() >= 3
        });
        elsewhere.assert_untouched("a stream");
        wait_until("a warning", || status(&guard).warnings.iter().any(|warning| warning.contains("307")));
        // The polls continue without the stream.
        assert!(is_on(&guard, "a"));
        assert_eq!(status(&guard).failures, 0);
    }
}

/// Checks that `Elsewhere` would record a connection.
#[test]
fn a_client_that_goes_elsewhere_is_detected() {
    let elsewhere = Elsewhere::new();
    elsewhere.assert_untouched("nobody");
    let guard =
        start(eager(&format!("http://{}/flags.toml", elsewhere.address())).header_timeout(Duration::from_millis(50)));
    assert!(elsewhere.0.accept().is_ok());
    drop(guard);
}
