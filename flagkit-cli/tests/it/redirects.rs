//! Checks of a system that redirects: a login page is not the page.

use crate::support::{Folder, Ran, Reply, Server};

/// Runs a dry `go` with one check of the server.
fn go(server: &Server, check: &str) -> Ran {
    let folder = Folder::with(
        "flags.toml",
        &format!(
            "[defaults]\ngate = \"g\"\n[gate.g]\nchecks = [\"home\"]\n[check.home]\nurl = \"{}checkout\"\n{check}\n[flags]\nx = false\n",
            server.url()
        ),
    );
    folder.run(&["go", "x", "--to", "10", "--dry-run"])
}

#[test]
fn a_redirect_fails_a_check_and_names_its_target() {
    let server = Server::new(Reply::Redirect("/login".to_owned()));
    let ran = go(&server, "");
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("home: status 302, a redirect to /login, expected 200"), "{ran:?}");
    assert_eq!(server.requests(), 1, "the target is not requested");
}

#[test]
fn a_redirect_passes_if_it_is_expected() {
    let server = Server::new(Reply::Redirect("/login".to_owned()));
    let ran = go(&server, "expect = { status = 302 }");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("status 302, a redirect to /login"), "{ran:?}");
}

#[test]
fn redirects_are_followed_on_request() {
    let server = Server::new(Reply::Redirect("/login".to_owned()));
    let ran = go(&server, "follow_redirects = true\nexpect = { status = 200, contains = \"log in\" }");
    assert_eq!((ran.code, server.requests()), (0, 2), "{ran:?}");
    let ran = go(&server, "follow_redirects = true\nexpect = { contains = \"Pay now\" }");
    assert_eq!(ran.code, 3, "{ran:?}");
}

#[test]
fn a_build_is_not_read_from_a_login_page() {
    let server = Server::new(Reply::Redirect("/v7".to_owned()));
    let folder = Folder::with(
        "flags.toml",
        &format!(
            "[defaults]\ngate = \"g\"\n[gate.g]\nbuild = {{ url = \"{}\", expect = \"log\", within = \"0s\" }}\n[flags]\nx = false\n",
            server.url()
        ),
    );
    let ran = folder.run(&["go", "x", "--to", "10", "--dry-run"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.err.contains("status 302, a redirect to /v7"), "{ran:?}");
}
