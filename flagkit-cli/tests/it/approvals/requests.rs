//! Requests: who writes them, what voids them, and who cancels them.

use super::team::{ONE, REQUEST, Team, two};
use crate::support::{envelope, sha256};

#[test]
fn an_agent_requests_and_a_person_completes() {
    let team = Team::new(ONE);
    let ran = team.run(None, &["request", "pay", "--to", "10", "--reason", "ready"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.out.contains("requested pay off -> 10% in ./.flagkit/requests/default/pay.toml"), "{ran:?}");
    assert!(ran.out.contains("a person must approve it within 24h: flagkit go pay --to 10\n"), "{ran:?}");
    assert_eq!(team.flags(), ONE);
    let data = envelope(&team.run(None, &["--json", "request", "pay", "--to", "10"]));
    assert_eq!(data["exit"], 4, "{data}");
    assert_eq!(data["data"]["next"]["command"], "flagkit go pay --to 10", "{data}");
    // The same request again changes only its time.
    let request = team.folder.read(REQUEST);
    assert!(request.contains("reason = \"ready\""), "{request}");
    let (code, screen) = team.go("alice", &[]);
    assert!(code == 0 && screen.contains("pay is now 10%"), "{code}: {screen}");
    assert!(
        !team.has_request() && team.is_live_with(&team.folder.read(".flagkit/approvers"), "flags.toml", None)
            || team.flags().contains("rollout = 10")
    );
    assert_eq!(team.folder.entries().len(), 1, "a request is not in the log");
}

#[test]
fn a_request_approves_nothing_by_itself() {
    let team = Team::new(&two());
    assert_eq!(team.run(Some("alice"), &["request", "pay"]).code, 4);
    assert_eq!(team.go("bob", &[]).0, 5);
    let ran = team.run(None, &["request", "pay"]);
    assert!(ran.code == 4 && ran.out.contains("a person must approve it"), "one is missing: {ran:?}");
    assert_eq!(team.go("alice", &[]).0, 0, "a refreshed request keeps its approvals");
}

#[test]
fn a_request_needs_what_a_release_needs() {
    let team = Team::new(&(ONE.to_owned() + "ramp = [10, 100]\n"));
    let ran = team.run(None, &["request", "pay", "--to", "50"]);
    assert!(ran.code == 7 && ran.err.contains("the steps of the ramp"), "{ran:?}");
    assert_eq!(team.run(None, &["request", "pya"]).code, 2);
    assert!(!team.has_request());
    team.folder.remove(".flagkit/approvers");
    let ran = team.run(None, &["request", "pay"]);
    assert_eq!(ran.code, 6, "{ran:?}");
}

#[test]
fn a_gate_with_a_terminal_has_requests_too() {
    let flags = ONE.replace("\"signed\"", "\"terminal\"");
    let team = Team::new(&flags);
    assert_eq!(team.run(None, &["request", "pay", "--to", "25"]).code, 4);
    let (code, screen) = team.go("eve", &[]);
    assert!(code == 0 && screen.contains("pay is now 25%"), "{screen}");
    assert!(!team.has_request() && !team.flags().contains("approval"));
}

#[test]
fn a_change_after_a_request_voids_it() {
    let approver = |team: &Team| assert_eq!(team.go("alice", &["--to", "50"]).0, 5);
    for (from, to, what) in [
        ("# by card", "# by cash", "a flag file changed after it"),
        ("on = false", "requires = []\non = false\nsalt = \"x\"", "the definition of the flag changed after it"),
        ("humans = 2", "humans = 3", "the gate changed after it"),
        ("humans = 2", "humans = 2\nsoak = \"1s\"", "the gate changed after it"),
    ] {
        let team = Team::new(&two());
        approver(&team);
        team.folder.write("flags.toml", &two().replace(from, to));
        team.rejected("bob", &[], 7, what);
        let ran = team.run(None, &["request", "pay", "--to", "50"]);
        assert_eq!(ran.code, 4, "a new request replaces the void one: {ran:?}");
        let request = team.folder.read(REQUEST);
        assert!(!request.contains("SIGNATURE"), "{request}");
        assert!(team.folder.entries().is_empty());
    }
    let team = Team::new(&two());
    approver(&team);
    team.rejected("bob", &["--to", "100"], 7, "a request to 50% is pending");
}

#[test]
fn an_old_request_is_rejected() {
    let team = Team::new(&two());
    assert_eq!(team.go("alice", &[]).0, 5);
    let path = REQUEST;
    let request = team.folder.read(path);
    let (start, rest) =
        request.split_once("requested_at = \"").or_else(|| request.split_once("requested_at = ")).expect("a time");
    let old = format!("{start}requested_at = 2020-01-01T00:00:00Z{}", &rest[rest.find('\n').expect("a line")..]);
    team.folder.write(path, &old);
    team.rejected("bob", &[], 6, "the request for pay is too old: it counts for 24h");
    // A machine cannot make it younger: the approval has a time of its own, which is signed.
    team.folder.write(path, &request.replace("\nat = \"20", "\nat = \"19"));
    team.rejected("bob", &[], 6, "is too old");
    assert_eq!(team.run(None, &["request", "pay"]).code, 4);
    assert!(!team.folder.read(path).contains("SIGNATURE"));
}

#[test]
fn an_edited_request_is_rejected() {
    for (from, to) in [
        ("by = \"alice@example.com\"", "by = \"bob@example.com\""),
        ("serial = 1", "serial = 1 # "),
        ("[[approval]]", "[[approval]]\nrelease = \"r1\""),
    ] {
        let team = Team::new(&two());
        assert_eq!(team.go("alice", &[]).0, 5);
        let path = REQUEST;
        let request = team.folder.read(path);
        let edited = request.replacen(from, to, 1);
        assert_ne!(edited, request, "{from}");
        team.folder.write(path, &edited);
        let (code, screen) = team.terminal(Some("bob"), &["go", "pay"]).end();
        assert!(code == 6 && screen.contains("does not count"), "{from}: {code}: {screen}");
        assert_eq!(team.flags(), two());
    }
    let team = Team::new(&two());
    team.folder.write(REQUEST, "env = 1\n");
    team.rejected("bob", &[], 7, "default/pay.toml:1:7: ");
}

#[test]
fn anyone_cancels_a_request() {
    let team = Team::new(&two());
    let ran = team.run(None, &["no", "pay", "--reason", "x"]);
    assert!(ran.code == 7 && ran.err.contains("there is none"), "{ran:?}");
    assert_eq!(team.run(None, &["no", "pya", "--reason", "x"]).code, 2);
    assert_eq!(team.run(None, &["no", "pay"]).code, 2, "a reason is required");
    assert_eq!(team.go("alice", &[]).0, 5);
    let ran = team.run(None, &["no", "pay", "--reason", "a smell"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "cancelled the request for pay to on\n"), "{ran:?}");
    assert!(!team.has_request());
    assert_eq!(team.flags(), two());
    let entry = &team.folder.entries()[0];
    assert_eq!((&entry["verb"], &entry["reason"]), (&"no".into(), &"a smell".into()), "{entry}");
    assert_eq!(team.folder.run(&["log", "--verify"]).code, 0);
    // Alice's approval is gone with the request.
    assert_eq!(team.go("bob", &[]).0, 5);
    assert_eq!(team.go("alice", &[]).0, 0);
    assert_eq!(team.folder.run(&["log", "--verify"]).code, 0);
}

#[test]
fn a_cancelled_request_stops_the_person_at_the_prompt() {
    let team = Team::new(&two());
    assert_eq!(team.go("alice", &[]).0, 5);
    let mut terminal = team.terminal(Some("bob"), &["go", "pay"]);
    terminal.wait_for("Type pay to let it be seen: ");
    let ran = team.run(None, &["no", "pay", "--reason", "a smell"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    terminal.answer("pay");
    let (code, screen) = terminal.end();
    assert!(code == 7 && screen.contains("was cancelled or changed meanwhile"), "{code}: {screen}");
    assert_eq!(team.flags(), two());
}

#[test]
fn a_file_that_changes_at_the_prompt_gets_no_approval() {
    for (flags, person) in [(two(), "two people"), (ONE.to_owned(), "one person")] {
        let team = Team::new(&flags);
        let mut terminal = team.terminal(Some("alice"), &["go", "pay"]);
        terminal.wait_for("Type pay to let it be seen: ");
        let changed = flags.replace("# dark", "# black");
        team.folder.write("flags.toml", &changed);
        terminal.answer("pay");
        let (code, screen) = terminal.end();
        assert!(
            code == 7 && screen.contains("flags.toml changed meanwhile; nothing was written"),
            "{person}: {screen}"
        );
        assert!(!team.has_request() && team.flags() == changed && team.folder.entries().is_empty(), "{person}");
    }
}

#[test]
fn a_request_for_an_environment_is_apart() {
    let team = Team::new(&two());
    assert_eq!(team.go("alice", &["--env", "prod"]).0, 5);
    let ran = team.run(None, &["no", "pay", "--reason", "x"]);
    assert_eq!(ran.code, 7, "{ran:?}");
    assert_eq!(team.go("alice", &[]).0, 5);
    // The file of the environment appears, and the other request does not depend on it.
    let (code, screen) = team.go("bob", &["--env", "prod"]);
    assert_eq!(code, 0, "{screen}");
    assert_eq!(team.go("bob", &[]).0, 0);
    assert!(team.is_live("flags.toml", Some("prod")) && team.is_live("flags.toml", None));
    let ran = team.run(None, &["revert", "pay", "--env", "prod"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!team.folder.read("flags.prod.toml").contains("approval") && team.is_live("flags.toml", None));
}

#[test]
fn checks_run_again_for_each_person() {
    use crate::support::{Reply, Server};
    let server = Server::new(Reply::ok("Welcome"));
    let checks = format!(
        "checks = [\"home\"]\n[check.home]\nurl = \"http://{}/\"\n",
        server.url().trim_start_matches("http://").trim_end_matches('/')
    );
    let team = Team::new(&(two() + &checks));
    assert_eq!(team.go("alice", &[]).0, 5);
    assert!(team.folder.read(REQUEST).contains("checks = \"sha256:"));
    server.set(Reply::Response(500, "Sorry".to_owned()));
    let (code, screen) = team.terminal(Some("bob"), &["go", "pay"]).end();
    assert!(code == 3 && screen.contains("status 500"), "{code}: {screen}");
    assert!(team.has_request());
    server.set(Reply::Response(200, "Welcome".to_owned()));
    let (code, screen) = team.go("bob", &[]);
    assert_eq!(code, 0, "{screen}");
    assert!(team.is_live("flags.toml", None));
}

#[test]
fn no_unsigned_text_chooses_the_serial() {
    // A request that was edited by hand.
    let team = Team::new(&two());
    assert_eq!(team.run(None, &["request", "pay"]).code, 4);
    let request = team.folder.read(REQUEST);
    let serial = request.split("serial = ").nth(1).and_then(|rest| rest.split('\n').next()).expect("a serial");
    for huge in ["18446744073709551615", "9223372036854775807", "4102444800"] {
        team.folder.write(REQUEST, &request.replace(serial, huge));
        team.rejected("alice", &[], 7, &format!("serial: got {huge}, expected at most "));
        let ran = team.run(None, &["request", "pay"]);
        assert!(ran.code == 7 && ran.err.contains("`flagkit no pay --reason TEXT` removes"), "{ran:?}");
    }
    assert_eq!(team.run(None, &["no", "pay", "--reason", "edited"]).code, 0);
    assert_eq!(team.go("alice", &[]).0, 5);
    assert_eq!(team.go("bob", &[]).0, 0);

    // An approval in the flag file, and a line of the log, without a signature.
    let junk = "[[flags.pay.approval]]\nby = \"eve\"\nat = 2026-01-01T00:00:00Z\nto = \"on\"\nserial = \
                9223372036854775807\nbefore = \"DIGEST\"\ngate = \"DIGEST\"\nconfirm = \"signed\"\nhumans = 2\n\
                signature = \"x\"\n"
        .replace("DIGEST", &format!("sha256:{:064}", 0));
    let team = Team::new(&two().replace("\n# The gates.", &format!("{junk}\n# The gates.")));
    team.folder.write(".flagkit/log.jsonl", &log_line(u64::MAX));
    assert_eq!(team.go("alice", &[]).0, 5);
    assert_eq!(team.go("bob", &[]).0, 0, "{}", team.folder.read(REQUEST));
    assert!(team.is_live("flags.toml", None) && !team.flags().contains("serial = 9"), "{}", team.flags());
}

/// A line of the log with this serial, which anyone can write.
fn log_line(serial: u64) -> String {
    let entry = |hash: &str| {
        format!(
            "{{\"flag\":\"pay\",\"verb\":\"revert\",\"who\":\"eve\",\"when\":\"2026-01-01T00:00:00Z\",\"from\":\"off\",\
             \"to\":\"off\",\"file\":\"flags.toml\",\"digest\":\"\",\"serial\":{serial},\"baseline\":{{}},\
             \"previous\":\"\",\"hash\":\"{hash}\"}}"
        )
    };
    entry(&sha256(&entry(""))) + "\n"
}

#[test]
fn a_cancelled_request_stays_cancelled_if_its_file_returns() {
    let team = Team::new(&two());
    assert_eq!(team.go("alice", &[]).0, 5);
    let request = team.folder.read(REQUEST);
    assert_eq!(team.run(None, &["no", "pay", "--reason", "a smell"]).code, 0);
    team.folder.write(REQUEST, &request);
    team.rejected("bob", &[], 7, "the request for pay is void: it was cancelled; nothing was written");
    assert_eq!(team.flags(), two());
    // A new request has no approval yet.
    assert_eq!(team.run(None, &["request", "pay"]).code, 4);
    assert!(!team.folder.read(REQUEST).contains("SIGNATURE"));
    assert_eq!(team.go("bob", &[]).0, 5);
    assert_eq!(team.go("alice", &[]).0, 0);
    assert_eq!(team.folder.run(&["log", "--verify"]).code, 0);
}

#[test]
fn requests_of_similar_names_are_apart() {
    let team = Team::new(&ONE.replace("[flags.pay]", "[flags.b-pay]\non = false\ngate = \"people\"\n[flags.pay]"));
    assert_eq!(team.run(None, &["request", "pay", "--env", "a-b"]).code, 4);
    assert_eq!(team.run(None, &["request", "b-pay", "--env", "a"]).code, 4);
    for name in ["a-b/pay.toml", "a/b-pay.toml"] {
        assert!(team.folder.path(".flagkit/requests").join(name).exists(), "{name}");
    }
    for arguments in [["no", "pay", "--env", "a-b"], ["no", "b-pay", "--env", "a"]] {
        assert_eq!(team.run(None, &[&arguments[..], &["--reason", "x"]].concat()).code, 0);
    }
}

#[test]
fn a_request_to_another_state_keeps_the_signatures() {
    let team = Team::new(&two());
    assert_eq!(team.go("alice", &["--to", "50"]).0, 5);
    let request = team.folder.read(REQUEST);
    let ran = team.run(None, &["request", "pay", "--to", "100"]);
    assert_eq!(ran.code, 7, "{ran:?}");
    assert!(ran.err.contains("cannot request on: alice@example.com approved a request to 50% already"), "{ran:?}");
    assert!(ran.err.contains("`flagkit no pay --reason TEXT`"), "{ran:?}");
    assert_eq!(team.folder.read(REQUEST), request);
    assert_eq!(team.run(None, &["no", "pay", "--reason", "more"]).code, 0);
    assert_eq!(team.run(None, &["request", "pay", "--to", "100"]).code, 4);
    // Without a signature, another request replaces it.
    assert_eq!(team.run(None, &["request", "pay", "--to", "50"]).code, 4);
}

#[test]
fn an_approval_that_is_not_verified_is_not_shown() {
    let team = Team::new(&ONE.replace("\"signed\"", "\"terminal\""));
    assert_eq!(team.run(None, &["request", "pay"]).code, 4);
    let junk = "\n[[approval]]\nby = \"the boss\"\nat = \"2099-01-01T00:00:00Z\"\nsignature = \"x\"\n";
    team.folder.write(REQUEST, &(team.folder.read(REQUEST) + junk));
    let (code, screen) = team.go("eve", &[]);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("Requested by ") && !screen.contains("the boss"), "{screen}");
}

#[test]
fn a_damaged_request_can_be_removed() {
    let texts = ["env = 1\n", "\u{fffd}[", "", "env = \"prod\"\nflag = \"pay\"\n"].map(Some);
    for text in texts.into_iter().chain([None]) {
        let team = Team::new(&two());
        team.folder.write(REQUEST, text.unwrap_or_default());
        if text.is_none() {
            team.folder.remove(REQUEST);
            std::os::unix::fs::symlink("nowhere", team.folder.path(REQUEST)).expect("a link");
        }
        team.rejected("alice", &[], 7, "pay.toml");
        let ran = team.run(None, &["no", "pay", "--reason", "damaged"]);
        assert_eq!((ran.code, ran.out.as_str()), (0, "removed the damaged request for pay\n"), "{ran:?}");
        assert!(team.folder.path(REQUEST).symlink_metadata().is_err());
        let entry = &team.folder.entries()[0];
        assert_eq!((&entry["from"], &entry["to"]), (&"unknown".into(), &"unknown".into()), "{entry}");
        assert_eq!(team.folder.run(&["log", "--verify"]).code, 0);
        assert_eq!(team.go("alice", &[]).0, 5);
    }
}
