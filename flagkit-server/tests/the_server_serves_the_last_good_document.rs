//! The server serves the last good document, under a tag, at three paths and no others.

mod support;

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use flagkit_server::FlagServer;
use support::{DEADLINE, Place, Served, wait_until};

const ON: &str = "[flags]\na = true\n";
const OFF: &str = "[flags]\na = false\n";
const JSON: &str = "{ \"flags\": { \"a\": true } }\n";

fn serve(name: &str, text: &str) -> (Place, Served) {
    let place = Place::new();
    place.replace(name, text);
    let served = Served::new(place.file(name));
    (place, served)
}

#[test]
fn a_document_comes_as_it_is_with_its_type_and_a_tag() {
    let odd = "\u{feff}# caf\u{e9}\r\n[flags]\r\na = true\r\n\r\n";
    for (name, text, content_type) in [
        ("flags.toml", ON, "application/toml"),
        ("flags.toml", odd, "application/toml"),
        ("flags.json", JSON, "application/json"),
    ] {
        let (_place, served) = serve(name, text);
        for headers in [&[][..], &[("accept", "*/*")], &[("accept", "application/json"), ("accept-encoding", "gzip")]] {
            let answer = served.ask("GET", "/flags", headers);
            assert_eq!((answer.status, answer.text()), (200, text));
            assert_eq!(answer.header("content-type"), Some(content_type));
            assert_eq!(answer.header("content-length"), Some(&*text.len().to_string()));
            // A cache on the way may keep it for as long as it asks each time, and not for those who want a stream.
            assert_eq!(answer.header("cache-control"), Some("no-cache"));
            assert_eq!(answer.header("vary"), Some("accept"));
            let tag = answer.header("etag").expect("a tag");
            assert!(tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'), "{tag}");
        }
        assert_eq!(served.get("/flags?version=1").status, 200);
    }
}

#[test]
fn a_tag_belongs_to_one_text() {
    let (place, served) = serve("flags.toml", ON);
    let tag = || served.get("/flags").header("etag").expect("a tag").to_owned();
    let first = tag();
    assert_eq!(first, tag());
    let mut tags = HashSet::from([first.clone()]);
    // All of the same length, with the same flags.
    for text in ["[flags]\na =true \n", "[flags]\na= true \n", "[flags]\na = true#"] {
        place.replace("flags.toml", text);
        wait_until("another text", || served.get("/flags").text() == text);
        assert!(tags.insert(tag()), "{text}");
    }
    place.replace("flags.toml", ON);
    wait_until("the first text", || served.get("/flags").text() == ON);
    assert_eq!(tag(), first);
    served.stop();
    // Also that of another process: there may be two servers behind one name.
    let served = Served::new(place.file("flags.toml"));
    assert_eq!(served.get("/flags").header("etag"), Some(&*first));
}

#[test]
fn who_has_the_document_already_is_told_so() {
    let (place, served) = serve("flags.toml", ON);
    let tag = served.get("/flags").header("etag").expect("a tag").to_owned();
    let lists =
        [tag.clone(), format!("W/{tag}"), format!("\"a\", {tag}"), format!("W/\"a\",W/{tag} , \"b\""), "*".to_owned()];
    for list in lists.iter().map(String::as_str) {
        for method in ["GET", "HEAD"] {
            let answer = served.ask(method, "/flags", &[("if-none-match", list)]);
            assert_eq!((answer.status, answer.text()), (304, ""), "{method} {list}");
            assert_eq!(answer.header("etag"), Some(&*tag));
            assert_eq!((answer.header("vary"), answer.header("cache-control")), (Some("accept"), Some("no-cache")));
        }
    }
    let two_lines = [("if-none-match", "\"a\""), ("if-none-match", &*tag)];
    assert_eq!(served.ask("GET", "/flags", &two_lines).status, 304);
    let unquoted = tag.trim_matches('"');
    for other in ["\"a\"", "", "W/", unquoted, &tag.to_uppercase(), &format!("{tag}x"), "\u{e9}"] {
        let answer = served.ask("GET", "/flags", &[("if-none-match", other)]);
        assert_eq!((answer.status, answer.text()), (200, ON), "{other}");
    }
    place.replace("flags.toml", OFF);
    wait_until("a change", || served.ask("GET", "/flags", &[("if-none-match", &tag)]).status == 200);
}

#[test]
fn a_question_for_the_head_has_an_answer_without_a_body() {
    let (_place, served) = serve("flags.toml", ON);
    let (get, head) = (served.get("/flags"), served.ask("HEAD", "/flags", &[]));
    assert_eq!((head.status, head.text()), (200, ""));
    for name in ["content-length", "content-type", "etag", "vary", "cache-control"] {
        assert_eq!(head.header(name), get.header(name), "{name}");
    }
    assert_eq!(served.ask("HEAD", "/healthz", &[]).status, 200);
}

#[test]
fn there_is_nothing_at_any_other_path() {
    let (place, served) = serve("flags.toml", ON);
    place.replace("secret.toml", "canary");
    let elsewhere = "/ // /flags/ //flags /flags// /Flags /FLAGS /flags.toml /secret.toml /../secret.toml /flags/.. \
                     /flags/../flags /x/../flags /./flags /flags/. /healthz/../flags /events/../flags /%2e/flags \
                     /%2e%2e/flags /flags%2f /%66lags /flags%00 /flags;x=1 /flags\\ /%2Fflags /Healthz /healthz/ \
                     /health /EVENTS /events/ /events/1 /flags/../secret.toml";
    for path in elsewhere.split(' ') {
        let answer = served.get(path);
        assert_eq!((answer.status, answer.text()), (404, ""), "{path}");
    }
}

#[test]
fn it_is_read_only() {
    let (_place, served) = serve("flags.toml", ON);
    for path in ["/flags", "/events", "/healthz"] {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            let answer = served.ask(method, path, &[]);
            assert_eq!((answer.status, answer.text()), (405, ""), "{method} {path}");
            assert!(answer.header("allow").is_some_and(|allowed| allowed.contains("GET")), "{method} {path}");
        }
    }
    assert_eq!(served.get("/flags").text(), ON);
}

#[test]
fn a_body_of_any_size_is_not_waited_for() {
    let (_place, served) = serve("flags.toml", ON);
    for (method, status) in [("POST", "405"), ("GET", "200")] {
        let mut stream = TcpStream::connect(served.address).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("it can be set");
        let head = format!("{method} /flags HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000000\r\n\r\nand so on");
        stream.write_all(head.as_bytes()).expect("it can be sent");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        assert_eq!(answer, *format!("HTTP/1.1 {status}").as_bytes());
    }
}

#[test]
fn a_file_that_breaks_is_served_as_it_was() {
    let (place, served) = serve("flags.toml", ON);
    let before = served.get("/flags");
    assert_eq!(served.get("/healthz").text(), "fresh\n");
    for broken in ["[flags\na = false\n", "", "\u{0}", "[flags]\na = false\n[flags]\n"] {
        place.replace("flags.toml", broken);
        wait_until("it is stale", || served.get("/healthz").text() == "stale\n");
        // The server has something to serve.
        assert_eq!(served.get("/healthz").status, 200);
        let after = served.get("/flags");
        assert_eq!((after.status, after.text(), after.header("etag")), (200, ON, before.header("etag")));
        place.replace("flags.toml", ON);
        wait_until("it is fresh", || served.get("/healthz").text() == "fresh\n");
    }
    std::fs::remove_file(place.path("flags.toml")).expect("it is there");
    wait_until("it is stale", || served.get("/healthz").text() == "stale\n");
    assert_eq!(served.get("/flags").text(), ON);
    place.replace("flags.toml", OFF);
    wait_until("the next good one", || served.get("/flags").text() == OFF);
    wait_until("it is fresh", || served.get("/healthz").text() == "fresh\n");
    assert_eq!(served.get("/healthz").header("cache-control"), Some("no-cache"));
}

#[test]
fn a_file_that_is_missing_is_waited_for() {
    let place = Place::new();
    let served = Served::new(place.file("flags.json"));
    let answer = served.get("/flags");
    assert_eq!((answer.status, answer.header("etag"), answer.header("cache-control")), (503, None, Some("no-cache")));
    // Nothing is no document that somebody could have.
    assert_eq!(served.ask("GET", "/flags", &[("if-none-match", "*")]).status, 503);
    let health = served.get("/healthz");
    assert_eq!((health.status, health.text()), (503, "waiting\n"));
    // Neither is a broken one.
    place.replace("flags.json", "{");
    let file = || served.server.flags().status().sources[0].clone();
    wait_until("it is seen", || file().last_error.is_some_and(|error| !error.is_missing()));
    assert_eq!((served.get("/flags").status, served.get("/healthz").text()), (503, "waiting\n"));
    place.replace("flags.json", JSON);
    wait_until("the document", || served.get("/flags").status == 200);
    assert_eq!(served.get("/flags").text(), JSON);
    wait_until("its health", || served.get("/healthz").text() == "fresh\n");
    assert_eq!(served.get("/healthz").status, 200);
}

#[test]
fn a_file_that_is_broken_from_the_start_is_an_error() {
    let place = Place::new();
    place.replace("flags.toml", "[flags\n");
    let error = FlagServer::new(place.file("flags.toml")).expect_err("a broken file").to_string();
    assert!(error.contains("flags.toml"), "{error}");
}

#[test]
fn many_questions_on_one_connection_are_answered_in_turn() {
    let (_place, served) = serve("flags.toml", ON);
    let mut stream = TcpStream::connect(served.address).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("it can be set");
    let question = "GET /flags HTTP/1.1\r\nhost: x\r\n\r\n".repeat(9);
    let last = "GET /flags HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all((question + last).as_bytes()).expect("it can be sent");
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("answers");
    assert_eq!((all.matches("HTTP/1.1 200 OK").count(), all.matches(ON).count()), (10, 10));
}

#[test]
fn a_handle_keeps_the_file_watched() {
    let (place, served) = serve("flags.toml", ON);
    let handle = served.server.clone();
    served.stop();
    assert!(handle.flags().is_on("a", &()));
    place.replace("flags.toml", OFF);
    wait_until("a change", || !handle.flags().is_on("a", &()));
}
