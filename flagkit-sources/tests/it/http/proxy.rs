//! The client uses the proxy that the environment names.

use std::io::Write as _;
use std::time::Duration;

use crate::support::stub::{Stub, document, start};
use crate::support::{child, is_child, is_on, status, variable, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_sources::{Http, Retry};

const GOOD: &str = "[flags]\na = true\n";
/// This text is in every setting that must not be shown.
const CANARY: &str = "canary";

/// A proxy that accepts every connection and responds for every host itself.
fn proxy() -> Stub {
    Stub::new(|request, stream| {
        if request.head.starts_with("CONNECT ") {
            return stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").is_ok();
        }
        !request.is_stream_request() && stream.write_all(document("v1", GOOD).as_bytes()).is_ok()
    })
}

#[test]
fn a_proxy_of_the_environment_is_used_and_shown_without_its_password() {
    if is_child() {
        // The name does not exist, so only a proxy can respond for it.
        let url = format!("http://user:{CANARY}@flags.invalid/flags.toml?{CANARY}");
        let http = Http::insecure(&url).expect("a URL").poll_every(Duration::from_millis(20));
        let guard = start(http);
        wait_until("the flags", || is_on(&guard, "a"));
        let warning = format!("uses the proxy {}", variable("FLAGKIT_TEST_PROXY"));
        // The thread of the source sets the warning, after the flags are loaded.
        wait_until(&warning, || status(&guard).warnings.iter().any(|known| **known == *warning));
        let status = status(&guard);
        assert!(!format!("{status:?} {guard:?}").contains(CANARY), "{status:?}");
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let proxy = proxy();
        let address = proxy.address().to_string();
        let url = format!("http://user:{CANARY}@{address}");
        child(
            module_path!(),
            "a_proxy_of_the_environment_is_used_and_shown_without_its_password",
            dir.path(),
            &[(name, url.as_ref()), ("FLAGKIT_TEST_PROXY", address.as_ref())],
        );
        let requests = proxy.requests();
        assert!(!requests.is_empty(), "{name}");
        // `user:canary` in Base64.
        let credentials = requests[0].header("proxy-authorization").map(str::to_owned);
        assert_eq!(credentials.as_deref(), Some("Basic dXNlcjpjYW5hcnk="), "{name}");
        assert!(requests.iter().any(|request| request.head.contains("flags.invalid")), "{name}");
    }
}

#[test]
fn an_unreachable_proxy_is_a_transient_error_without_the_password() {
    if is_child() {
        let http = Http::insecure(&format!("http://flags.invalid/flags.toml?{CANARY}")).expect("a URL");
        let mut retry = Retry::default();
        let (soon, hour) = (Duration::from_millis(20), Duration::from_secs(3600));
        (retry.transient, retry.permanent) = ((soon, 2 * soon), (hour, hour));
        let guard = start(http.retry(retry));
        wait_until("some tries", || status(&guard).failures >= 3);
        let status = status(&guard);
        assert_eq!(status.state, SourceState::Waiting);
        assert!(!format!("{status:?} {guard:?}").contains(CANARY), "{status:?}");
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    // One proxy does not exist, the other rejects connections.
    let gone = Stub::responding("").address();
    let forbidding = Stub::responding("HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n");
    for address in [gone, forbidding.address()] {
        let url = format!("http://user:{CANARY}@{address}");
        child(
            module_path!(),
            "an_unreachable_proxy_is_a_transient_error_without_the_password",
            dir.path(),
            &[("HTTP_PROXY", url.as_ref())],
        );
    }
}

#[test]
fn no_proxy_is_used_if_the_environment_or_the_program_forbids_it() {
    if is_child() {
        let http = Http::new(&variable("FLAGKIT_TEST_URL")).expect("a URL");
        let http = if variable("FLAGKIT_TEST_DIRECT") == "program" { http.use_proxy(false) } else { http };
        let guard = start(http.stream(false).poll_every(Duration::from_millis(20)));
        wait_until("some polls", || status(&guard).unchanged >= 2);
        assert!(is_on(&guard, "a"));
        assert!(status(&guard).warnings.is_empty(), "{:?}", status(&guard).warnings);
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    for (direct, no_proxy) in [("environment", "example.com,127.0.0.1"), ("environment", "*"), ("program", "")] {
        let (proxy, server) = (proxy(), Stub::responding(document("v1", GOOD)));
        let (url, proxy_url) = (server.url(), format!("http://{}", proxy.address()));
        child(
            module_path!(),
            "no_proxy_is_used_if_the_environment_or_the_program_forbids_it",
            dir.path(),
            &[
                ("HTTP_PROXY", proxy_url.as_ref()),
                ("NO_PROXY", no_proxy.as_ref()),
                ("FLAGKIT_TEST_URL", url.as_ref()),
                ("FLAGKIT_TEST_DIRECT", direct.as_ref()),
            ],
        );
        assert!(proxy.requests().is_empty(), "{direct} {no_proxy}");
        assert!(!server.polls().is_empty(), "{direct} {no_proxy}");
    }
}
