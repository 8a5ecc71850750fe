//! `GET /flags` and `GET /healthz` serve the last valid document with its tag, and no other path serves anything.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::{DEADLINE, Served, TestDir, wait_until};
use flagkit_server::FlagServer;

const ON: &str = "[flags]\na = true\n";
const OFF: &str = "[flags]\na = false\n";
const JSON: &str = "{ \"flags\": { \"a\": true } }\n";

fn serve_file(name: &str, text: &str) -> (TestDir, Served) {
    let dir = TestDir::new();
    dir.replace(name, text);
    let served = Served::new(dir.file(name));
    (dir, served)
}

#[test]
fn a_document_is_served_unchanged_with_its_type_and_a_tag() {
    let odd = "\u{feff}# caf\u{e9}\r\n[flags]\r\na = true\r\n\r\n";
    for (name, text, content_type) in [
        ("flags.toml", ON, "application/toml"),
        ("flags.toml", odd, "application/toml"),
        ("flags.json", JSON, "application/json"),
    ] {
        let (_place, served) = serve_file(name, text);
        for headers in [&[][..], &[("accept", "*/*")], &[("accept", "application/json"), ("accept-encoding", "gzip")]] {
            let response = served.request("GET", "/flags", headers);
            assert_eq!((response.status, response.text()), (200, text));
            assert_eq!(response.header("content-type"), Some(content_type));
            assert_eq!(response.header("content-length"), Some(&*text.len().to_string()));
            // A cache may store the response if it revalidates, but not for requests of a stream.
            assert_eq!(response.header("cache-control"), Some("no-cache"));
            assert_eq!(response.header("vary"), Some("accept"));
            let tag = response.header("etag").expect("a tag");
            assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        }
        assert_eq!(served.get("/flags?version=1").status, 200);
    }
}

#[test]
fn a_tag_belongs_to_one_text() {
    let (dir, served) = serve_file("flags.toml", ON);
    let tag = || served.get("/flags").header("etag").expect("a tag").to_owned();
    let first = tag();
    assert_eq!(first, tag());
    let mut tags = HashSet::from([first.clone()]);
    // All texts have the same length and the same flags.
    for text in ["[flags]\na =true \n", "[flags]\na= true \n", "[flags]\na = true#"] {
        dir.replace("flags.toml", text);
        wait_until("another text", || served.get("/flags").text() == text);
        assert!(tags.insert(tag()), "{text}");
    }
    dir.replace("flags.toml", ON);
    wait_until("the first text", || served.get("/flags").text() == ON);
    assert_eq!(tag(), first);
    served.stop();
    // Another process computes the same tag, because one name may lead to two servers.
    let served = Served::new(dir.file("flags.toml"));
    assert_eq!(served.get("/flags").header("etag"), Some(&*first));
}

#[test]
fn a_client_that_has_the_document_gets_304() {
    let (dir, served) = serve_file("flags.toml", ON);
    let tag = served.get("/flags").header("etag").expect("a tag").to_owned();
    let lists =
        [tag.clone(), format!("W/{tag}"), format!("\"a\", {tag}"), format!("W/\"a\",W/{tag} , \"b\""), "*".to_owned()];
    for list in lists.iter().map(String::as_str) {
        for method in ["GET", "HEAD"] {
            let response = served.request(method, "/flags", &[("if-none-match", list)]);
            assert_eq!((response.status, response.text()), (304, ""), "{method} {list}");
            assert_eq!(response.header("etag"), Some(&*tag));
            assert_eq!((response.header("vary"), response.header("cache-control")), (Some("accept"), Some("no-cache")));
        }
    }
    let two_lines = [("if-none-match", "\"a\""), ("if-none-match", &*tag)];
    assert_eq!(served.request("GET", "/flags", &two_lines).status, 304);
    let unquoted = tag.trim_matches('"');
    for other in ["\"a\"", "", "W/", unquoted, &tag.to_uppercase(), &format!("{tag}x"), "\u{e9}"] {
        let response = served.request("GET", "/flags", &[("if-none-match", other)]);
        assert_eq!((response.status, response.text()), (200, ON), "{other}");
    }
    dir.replace("flags.toml", OFF);
    wait_until("the change", || served.request("GET", "/flags", &[("if-none-match", &tag)]).status == 200);
}

#[test]
fn a_head_request_has_a_response_without_a_body() {
    let (_place, served) = serve_file("flags.toml", ON);
    let (get, head) = (served.get("/flags"), served.request("HEAD", "/flags", &[]));
    assert_eq!((head.status, head.text()), (200, ""));
    for name in ["content-length", "content-type", "etag", "vary", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_eq!(served.request("HEAD", "/healthz", &[]).status, 200);
}

#[test]
fn no_other_path_serves_anything() {
    let (dir, served) = serve_file("flags.toml", ON);
    dir.replace("secret.toml", "canary");
    let elsewhere = "/ // /flags/ //flags /flags// /Flags /FLAGS /flags.toml /secret.toml /../secret.toml /flags/.. \
                     /flags/../flags /x/../flags /./flags /flags/. /healthz/../flags /events/../flags /%2e/flags \
                     /%2e%2e/flags /flags%2f /%66lags /flags%00 /flags;x=1 /flags\\ /%2Fflags /Healthz /healthz/ \
                     /health /EVENTS /events/ /events/1 /flags/../secret.toml";
    for path in elsewhere.split(' ') {
        let response = served.get(path);
        assert_eq!((response.status, response.text()), (404, ""), "{path}");
    }
}

#[test]
fn it_is_read_only() {
    let (_place, served) = serve_file("flags.toml", ON);
    for path in ["/flags", "/events", "/healthz"] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            let response = served.request(method, path, &[]);
            assert_eq!((response.status, response.text()), (405, ""), "{method} {path}");
            assert!(response.header("allow").is_some_and(|allowed| allowed.contains("GET")), "{method} {path}");
        }
    }
    assert_eq!(served.get("/flags").text(), ON);
}

#[test]
fn the_server_does_not_wait_for_a_request_body() {
    let (_place, served) = serve_file("flags.toml", ON);
    for (method, status) in [("POST", "405"), ("GET", "200")] {
        let mut stream = TcpStream::connect(served.address).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("it can be set");
        let head = format!("{method} /flags HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\nand so on");
        stream.write_all(head.as_bytes()).expect("it can be sent");
        let mut response = [0; 12];
        stream.read_exact(&mut response).expect("a response");
        assert_eq!(response, *format!("HTTP/1.1 {status}").as_bytes());
    }
}

#[test]
fn an_invalid_file_leaves_the_last_valid_document() {
    let (dir, served) = serve_file("flags.toml", ON);
    let before = served.get("/flags");
    assert_eq!(served.get("/healthz").text(), "fresh\n");
    for invalid in ["[flags\na = false\n", "", "\u{0}", "[flags]\na = false\n[flags]\n"] {
        dir.replace("flags.toml", invalid);
        wait_until("the source is stale", || served.get("/healthz").text() == "stale\n");
        // The server still has a document.
        assert_eq!(served.get("/healthz").status, 200);
        let after = served.get("/flags");
        assert_eq!((after.status, after.text(), after.header("etag")), (200, ON, before.header("etag")));
        dir.replace("flags.toml", ON);
        wait_until("the source is fresh", || served.get("/healthz").text() == "fresh\n");
    }
    std::fs::remove_file(dir.path("flags.toml")).expect("the file exists");
    wait_until("the source is stale", || served.get("/healthz").text() == "stale\n");
    assert_eq!(served.get("/flags").text(), ON);
    dir.replace("flags.toml", OFF);
    wait_until("the next valid document", || served.get("/flags").text() == OFF);
    wait_until("the source is fresh", || served.get("/healthz").text() == "fresh\n");
    assert_eq!(served.get("/healthz").header("cache-control"), Some("no-cache"));
}

#[test]
fn a_missing_file_is_served_once_it_appears() {
    let dir = TestDir::new();
    let served = Served::new(dir.file("flags.json"));
    let response = served.get("/flags");
    assert_eq!(
        (response.status, response.header("etag"), response.header("cache-control")),
        (503, None, Some("no-cache"))
    );
    // A missing document matches no tag.
    assert_eq!(served.request("GET", "/flags", &[("if-none-match", "*")]).status, 503);
    let health = served.get("/healthz");
    assert_eq!((health.status, health.text()), (503, "waiting\n"));
    // An invalid file is not a document either.
    dir.replace("flags.json", "{");
    let file = || served.server.flags().status().sources[0].clone();
    wait_until("the error is reported", || file().last_error.is_some_and(|error| !error.is_missing()));
    assert_eq!((served.get("/flags").status, served.get("/healthz").text()), (503, "waiting\n"));
    dir.replace("flags.json", JSON);
    wait_until("the document", || served.get("/flags").status == 200);
    assert_eq!(served.get("/flags").text(), JSON);
    wait_until("its health", || served.get("/healthz").text() == "fresh\n");
    assert_eq!(served.get("/healthz").status, 200);
}

#[test]
fn an_invalid_file_at_the_start_is_an_error() {
    let dir = TestDir::new();
    dir.replace("flags.toml", "[flags\n");
    let error = FlagServer::new(dir.file("flags.toml")).expect_err("an invalid file").to_string();
    assert!(error.contains("flags.toml"), "{error}");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let (_place, served) = serve_file("flags.toml", ON);
    let mut stream = TcpStream::connect(served.address).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("it can be set");
    let request = "GET /flags HTTP/1.1\r\nhost: x\r\n\r\n".repeat(9);
    let last = "GET /flags HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all((request + last).as_bytes()).expect("it can be sent");
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("answers");
    assert_eq!((all.matches("HTTP/1.1 200 OK").count(), all.matches(ON).count()), (10, 10));
}

#[test]
fn a_handle_keeps_the_file_watched() {
    let (dir, served) = serve_file("flags.toml", ON);
    let handle = served.server.clone();
    served.stop();
    assert!(handle.flags().is_on("a", &()));
    dir.replace("flags.toml", OFF);
    wait_until("the change", || !handle.flags().is_on("a", &()));
}
