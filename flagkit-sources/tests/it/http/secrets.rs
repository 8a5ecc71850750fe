//! A secret in a header, a token or a URL reaches the server, and appears in no output.

use std::error::Error as StdError;
use std::ffi::OsStr;
use std::fmt::{Debug, Write as _};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::stub::{Request, STREAM, Stub, answer, chunk, document, eager, event};
use crate::support::{self, TestDir, in_a_child, is_on, status, wait_until};
use flagkit_sources::{Builder, Guard, Http, OnFailedStart};

const CANARY: &str = "s3cr3t-c4n4ry";
/// "user:" and the canary in Base64 (RFC 4648).
const BASIC: &str = "Basic dXNlcjpzM2NyM3QtYzRuNHJ5";
const GOOD: &str = "[flags]\na = true\n";

/// A URL with the canary in every part that can hold a secret.
fn url(address: SocketAddr) -> String {
    format!("http://user:{CANARY}@{address}/flags.toml?token={CANARY}&x={CANARY}#{CANARY}")
}

/// A source with the canary in every setting that can hold a secret.
fn secretive(url: &str) -> Http {
    let http = eager(url).bearer_token(CANARY).expect("a token");
    http.header("X-Api-Key", CANARY).expect("a header").connect_timeout(Duration::from_millis(500))
}

/// All output of an error: how it is printed, and its chain of causes.
fn shown(error: &dyn StdError) -> String {
    let mut all = format!("{error} {error:?} {error:#?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(all, " {error} {error:?}");
        cause = error.source();
    }
    all
}

fn assert_silent(what: &str, shown: &str) {
    assert!(!shown.is_empty());
    let token = BASIC.trim_start_matches("Basic ");
    for secret in [CANARY, token] {
        assert!(!shown.contains(secret), "{what} shows the secret:\n{shown}");
    }
}

fn assert_debug_is_silent(what: &str, value: &impl Debug) {
    assert_silent(what, &format!("{value:?} {value:#?}"));
}

/// All output of a running guard.
fn all_of(guard: &Guard) -> String {
    let mut all = format!("{guard:?} {guard:#?} {:?} {:?}", guard.flags(), guard.flags().snapshot());
    for source in guard.status().sources {
        let _ = write!(all, " {source:#?} {} {}", source.provenance, source.warnings.join(" "));
        if let Some(error) = &source.last_error {
            all += &shown(&**error);
        }
    }
    #[cfg(target_os = "linux")]
    for thread in std::fs::read_dir("/proc/self/task").expect("the threads").flatten() {
        all += &std::fs::read_to_string(thread.path().join("comm")).unwrap_or_default();
    }
    all
}

/// Runs a source against a server until it has loaded or failed `tries` times. Neither the status nor the events may
/// show the secret.
fn assert_runs_silently(what: &str, http: Http, tries: u64) -> String {
    assert_debug_is_silent(what, &http);
    let builder = Builder::new().source(http).when_invalid(OnFailedStart::StayDark).startup_timeout(support::DEADLINE);
    assert_debug_is_silent(what, &builder);
    let guard = builder.start().expect("starts dark at the worst");
    let reported = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&reported);
    let subscription = guard.flags().subscribe(move |event| {
        let _ = write!(sink.lock().expect("no panic"), "{event:?} {event:#?}");
    });
    wait_until(&format!("{what}: some tries"), || {
        assert_silent(what, &all_of(&guard));
        let status = status(&guard);
        status.loads + status.unchanged + status.failures >= tries
    });
    guard.reload();
    let seen = all_of(&guard);
    assert_silent(what, &seen);
    drop(subscription);
    drop(guard);
    assert_silent(what, &format!("reported: {}", reported.lock().expect("no panic")));
    seen
}

/// Expects that the start fails and that the error shows no secret.
fn assert_refuses_silently(what: &str, http: Http) -> String {
    let builder = Builder::new().source(http).when_invalid(OnFailedStart::Fail).when_missing(OnFailedStart::Fail);
    let error =
        builder.when_unreachable(OnFailedStart::Fail).startup_timeout(support::DEADLINE).start().expect_err(what);
    let mut all = shown(&error);
    for (provenance, error) in error.failures() {
        let _ = write!(all, " {provenance} {}", shown(&**error));
    }
    assert_silent(what, &all);
    error.to_string()
}

/// A server that sends this response to every request and closes the connection.
fn blurting(answer: String) -> Stub {
    Stub::new(move |_, stream| {
        let _ = stream.write_all(answer.as_bytes());
        false
    })
}

fn is_secretive(request: &Request) -> bool {
    request.header("x-api-key") == Some(CANARY)
        && request.header("authorization") == Some(&*format!("Bearer {CANARY}"))
        && request.head.starts_with(&format!("GET /flags.toml?token={CANARY}&x={CANARY} HTTP/1.1\r\n"))
}

#[test]
fn a_healthy_server_receives_the_secrets_that_no_output_shows() {
    let stub = Stub::new(|request, stream| {
        if !request.is_stream_request() {
            return stream.write_all(document("v1", GOOD).as_bytes()).is_ok();
        }
        let _ = stream.write_all(format!("{STREAM}{}", chunk(&event("v2", GOOD))).as_bytes());
        false
    });
    let seen = assert_runs_silently("well", secretive(&url(stub.address())), 10);
    // The path itself may be shown.
    assert!(seen.contains(&stub.url()), "{seen}");
    wait_until("a stream", || stub.requests().iter().any(Request::is_stream_request));
    let requests = stub.requests();
    assert!(requests.iter().all(is_secretive), "{requests:?}");
    // The user information is not part of the host, and the fragment is never sent.
    assert!(requests.iter().all(|request| request.header("host") == Some(&*stub.address().to_string())));
    assert!(requests.iter().all(|request| !request.head.contains('#') && !request.head.contains("user:")));
}

#[test]
fn the_user_of_the_url_is_sent_to_the_server() {
    let stub = Stub::responding(document("v1", GOOD));
    let guard = support::stub::start(eager(&url(stub.address())));
    assert!(is_on(&guard, "a"));
    assert_eq!(stub.requests()[0].header("authorization"), Some(BASIC));
}

#[test]
fn a_token_goes_before_the_user_of_the_url() {
    let stub = Stub::responding(document("v1", GOOD));
    let guard = support::stub::start(secretive(&url(stub.address())));
    assert!(is_on(&guard, "a"));
    let head = stub.requests()[0].head.to_ascii_lowercase();
    assert_eq!(head.matches("authorization:").count(), 1, "{head}");
    assert_eq!(stub.requests()[0].header("authorization"), Some(&*format!("Bearer {CANARY}")));
}

#[test]
fn servers_that_are_not_well_are_complained_of_without_the_secrets() {
    let html = "content-type: text/html\r\n";
    let echo = format!("www-authenticate: Bearer {CANARY}\r\nx-echo: {CANARY}\r\nset-cookie: {CANARY}\r\n");
    let answers = [
        ("401", answer("401 Unauthorized", &echo, CANARY)),
        ("401 with a reason of its own", answer(&format!("401 {CANARY}"), "", CANARY)),
        ("403", answer("403 Forbidden", "", CANARY)),
        ("500", answer("500 Internal Server Error", &echo, CANARY)),
        ("599", answer(&format!("599 {CANARY}"), "", "")),
        ("a page", answer("200 OK", html, CANARY)),
        ("a type", answer("200 OK", &format!("content-type: text/{CANARY}\r\n"), GOOD)),
        ("an encoding", answer("200 OK", &format!("content-encoding: {CANARY}\r\n"), GOOD)),
        ("not modified", answer("304 Not Modified", &format!("etag: \"{CANARY}\"\r\n"), "")),
        ("retry", answer("503 Service Unavailable", &format!("retry-after: {CANARY}\r\n"), "")),
        ("not HTTP", format!("{CANARY}\r\n\r\n")),
        ("an invalid header", format!("HTTP/1.1 200 OK\r\n{CANARY} {CANARY}\r\n\r\n")),
        ("an invalid length", format!("HTTP/1.1 200 OK\r\ncontent-length: {CANARY}\r\n\r\n")),
        ("an invalid chunk", format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{CANARY}\r\n")),
        ("half", format!("HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{CANARY}")),
        ("no gzip", answer("200 OK", "content-encoding: gzip\r\n", CANARY)),
        ("much", format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", CANARY.repeat(10_000))),
        ("nothing", String::new()),
    ];
    for (what, answer) in answers {
        let stub = blurting(answer);
        assert_runs_silently(what, secretive(&url(stub.address())), 3);
        assert_refuses_silently(what, secretive(&url(stub.address())));
        assert!(stub.requests().iter().all(is_secretive), "{what}");
    }
}

#[test]
fn the_error_of_a_redirect_hides_its_target() {
    for location in [
        format!("http://user:{CANARY}@127.0.0.1:1/?token={CANARY}"),
        format!("https://{CANARY}.invalid/{CANARY}"),
        format!("//{CANARY}/"),
        format!("/flags.toml?token={CANARY}"),
        CANARY.to_owned(),
    ] {
        let answer = answer("302 Found", &format!("location: {location}\r\n"), CANARY);
        for follow in [false, true] {
            let stub = blurting(answer.clone());
            let http = || secretive(&url(stub.address())).follow_redirects(follow);
            assert_runs_silently(&location, http(), 3);
            let error = assert_refuses_silently(&location, http());
            assert!(error.contains("redirect"), "{error}");
        }
    }
}

#[test]
fn the_warning_about_a_refused_stream_hides_the_secrets() {
    let stub = Stub::new(|request, stream| {
        let refusal = || answer(&format!("403 {CANARY}"), &format!("x: {CANARY}\r\n"), CANARY);
        let answer = if request.is_stream_request() { refusal() } else { document("v1", GOOD) };
        stream.write_all(answer.as_bytes()).is_ok()
    });
    let seen = assert_runs_silently("no stream", secretive(&url(stub.address())), 10);
    assert!(seen.contains("its stream cannot be opened"), "{seen}");
}

#[test]
fn an_unreachable_server_reveals_no_secret_either() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("it is bound")
    };
    assert_runs_silently("a closed port", secretive(&url(port)), 3);
    assert_refuses_silently("a closed port", secretive(&url(port)));

    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("it is bound");
    let http = || secretive(&url(address)).header_timeout(Duration::from_millis(50));
    assert_runs_silently("a timeout", http(), 3);
    assert_refuses_silently("a timeout", http());

    // A server that does not use TLS.
    let stub = blurting(CANARY.to_owned());
    let https = || secretive(&url(stub.address()).replace("http:", "https:")).header_timeout(Duration::from_millis(50));
    assert_runs_silently("no TLS", https(), 2);
    assert_refuses_silently("no TLS", https());

    let nowhere = format!("http://user:{CANARY}@nowhere.invalid/flags.toml?token={CANARY}");
    let http = || {
        let http = Http::insecure(&nowhere).expect("a URL").use_proxy(false).stream(false);
        http.bearer_token(CANARY).expect("a token").connect_timeout(Duration::from_millis(500))
    };
    assert_runs_silently("an unknown host", http(), 1);
    let error = assert_refuses_silently("an unknown host", http());
    assert!(error.contains("nowhere.invalid"), "{error}");
}

#[test]
fn an_invalid_url_or_header_is_refused_without_being_repeated() {
    let good = || eager("http://127.0.0.1:1/flags.toml");
    for value in [format!("{CANARY}\n"), format!("{CANARY}\r\nx: y"), format!("a\n{CANARY}"), format!("{CANARY}\0")] {
        for error in [good().bearer_token(&value), good().header("X-Api-Key", &value), good().header(&value, "x")] {
            assert_silent("a header", &shown(&error.expect_err("a header that cannot be sent")));
        }
    }
    let error = good().root_certificates(CANARY.as_bytes()).expect_err("no certificate");
    assert_silent("certificates", &shown(&error));
    let key = format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n");
    let error = good().root_certificates(key.as_bytes()).expect_err("no certificate");
    assert_silent("a key", &shown(&error));

    for url in [
        format!("http://user:{CANARY}@/flags.toml"),
        format!("http://user:{CANARY} @127.0.0.1/"),
        format!("http://user:{CANARY}@exa mple/"),
        format!("http://user:{CANARY}@example.com/?token={CANARY}"),
        format!("ftp://user:{CANARY}@127.0.0.1/"),
        format!("{CANARY}://127.0.0.1/"),
        format!("user:{CANARY}@127.0.0.1/"),
        format!("/flags.toml?token={CANARY}"),
        format!("https://127.0.0.1/\n{CANARY}"),
        CANARY.to_owned(),
        format!("https:{CANARY}"),
    ] {
        assert_silent(&url, &shown(&Http::new(&url).expect_err(&url)));
        if !url.contains("example.com") {
            assert_silent(&url, &shown(&Http::insecure(&url).expect_err(&url)));
        }
    }
}

/// Otherwise the token would go to another server: the one at the default port.
#[test]
fn a_url_whose_port_is_none_is_refused() {
    for url in [
        format!("http://127.0.0.1:{CANARY}/"),
        "http://127.0.0.1:99999/flags.toml".to_owned(),
        "http://127.0.0.1:/flags.toml".to_owned(),
        // A user pastes a password with a slash. The parser takes its first half for a port and would show its second.
        format!("http://localhost:half/{CANARY}@127.0.0.1/flags.toml"),
    ] {
        assert_silent(&url, &shown(&Http::new(&url).expect_err(&url)));
    }
}

#[test]
fn a_later_header_of_the_same_name_takes_the_place_of_an_earlier_one() {
    let stub = Stub::responding(document("v1", GOOD));
    let http = eager(&stub.url()).bearer_token("old").and_then(|http| http.header("AUTHORIZATION", "new"));
    let guard = support::stub::start(http.expect("headers"));
    assert!(is_on(&guard, "a"));
    let head = stub.requests()[0].head.to_ascii_lowercase();
    assert!(head.contains("authorization: new\r\n") && !head.contains("old"), "{head}");
}

/// Runs in a child, because the environment names the proxy.
#[test]
fn the_password_of_a_proxy_is_not_shown() {
    const NAME: &str = "the_password_of_a_proxy_is_not_shown";
    if let Ok(port) = std::env::var("FLAGKIT_TEST_PROXY") {
        // An address for examples only (RFC 5737): a client that bypasses the proxy cannot reach it.
        let http = Http::insecure(&format!("http://192.0.2.1/flags.toml?token={CANARY}")).expect("a URL");
        let mut retry = flagkit_sources::Retry::default();
        retry.transient = (Duration::from_millis(10), Duration::from_millis(10));
        let http = http.retry(retry).connect_timeout(Duration::from_millis(500));
        let seen = assert_runs_silently("a proxy", http, 3);
        assert!(seen.contains(&format!("uses the proxy 127.0.0.1:{port}")), "{seen}");
        assert!(seen.contains("the proxy refused the connection"), "{seen}");
        return;
    }
    let folder = TestDir::new();
    let stub = blurting(answer(&format!("407 {CANARY}"), &format!("x: {CANARY}\r\n"), CANARY));
    let port = stub.address().port().to_string();
    let proxy = format!("http://user:{CANARY}@{}", stub.address());
    let dir = folder.path(".");
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let mut variables: Vec<_> = names.map(|name| (OsStr::new(name), OsStr::new(&proxy))).to_vec();
    variables.extend(["NO_PROXY", "no_proxy"].map(|name| (OsStr::new(name), OsStr::new(""))));
    variables.push((OsStr::new("FLAGKIT_TEST_PROXY"), OsStr::new(&port)));
    in_a_child(module_path!(), NAME, &dir, &variables);
    let requests = stub.requests();
    assert!(requests.len() >= 3 && requests.iter().all(|request| request.head.starts_with("CONNECT 192.0.2.1:80 ")));
    assert!(requests.iter().all(|request| request.header("proxy-authorization") == Some(BASIC)), "{requests:?}");
}
