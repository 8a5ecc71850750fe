//! Instances that serve their status: the evidence of each step.

use serde_json::{Value, json};

use super::{backfill, step};
use crate::support::{Folder, Reply, Server, ended, refused_address};

/// The start of each process, which is before every observation, and a start after it.
const STARTED: &str = "2026-11-29T10:00:00Z";
const LATER: &str = "2999-01-01T00:00:00Z";

/// What an instance reports.
#[derive(Clone)]
struct Reported {
    release: Option<&'static str>,
    stage: &'static str,
    rollout: Option<&'static str>,
    range: &'static str,
    compared: u64,
    mismatched: u64,
    failed: u64,
    unrepaired: u64,
}

impl Reported {
    fn at(stage: &'static str) -> Self {
        Self {
            release: Some("r1"),
            stage,
            rollout: None,
            range: "full",
            compared: 0,
            mismatched: 0,
            failed: 0,
            unrepaired: 0,
        }
    }

    fn status(&self, instance: usize) -> Value {
        json!({
            "release": self.release, "started": STARTED, "instance": format!("{instance:08x}"),
            "revision": 7,
            "migrations": [{
                "key": "split-name", "stage": self.stage, "partition": null, "rollout": self.rollout,
                "range": self.range, "first": "off", "last": "complete",
                "counters": {
                    "compared": self.compared, "mismatched": self.mismatched, "comparisons_failed": self.failed,
                    "unrepaired": self.unrepaired,
                },
            }],
        })
    }
}

/// Two instances, and the folder of the migration that they have.
struct Fleet {
    folder: Folder,
    servers: Vec<Server>,
}

impl Fleet {
    fn new(more: &str) -> Self {
        let servers = vec![Server::new(Reply::Silence), Server::new(Reply::Silence)];
        let fleet = Self { folder: Folder::new(), servers };
        let urls: Vec<String> = fleet.servers.iter().map(|server| format!("\"{}status\"", server.url())).collect();
        let flag = "[flags.split-name]\nkind = \"migration\"\ngate = \"data\"\n";
        let gate = format!("\n[gate.data]\ninstances = [{}]\ndrain = \"0s\"\n{more}", urls.join(", "));
        fleet.folder.write("flags.toml", &(flag.to_owned() + &gate));
        fleet.all(&Reported::at("off"));
        fleet
    }

    fn all(&self, reported: &Reported) {
        (0..self.servers.len()).for_each(|instance| self.one(instance, reported));
    }

    fn one(&self, instance: usize, reported: &Reported) {
        self.servers[instance].set(Reply::ok(&reported.status(instance).to_string()));
    }

    /// Takes a step that every instance follows.
    #[track_caller]
    fn step(&self, arguments: &[&str], after: &Reported) -> String {
        let mut terminal = self.folder.terminal(&[&["migrate", "split-name"], arguments].concat());
        terminal.wait_for("Type split-name to advance it to ");
        terminal.answer("split-name");
        terminal.wait_for("every instance to reach ");
        self.all(after);
        let (code, screen) = terminal.end();
        assert_eq!(code, 0, "{screen}");
        assert!(!screen.contains("not every instance"), "{screen}");
        screen
    }

    /// Goes from off to this stage.
    #[track_caller]
    fn go_to(&self, goal: &str) {
        for stage in ["dual-write", "shadow", "live", "ramp-down", "complete"] {
            let mut reported = Reported::at(stage);
            self.step(&["advance"], &reported);
            reported.compared = 600;
            match stage {
                "dual-write" => backfill(&self.folder),
                "shadow" => self.all(&reported),
                "live" => self.all(&Reported { compared: 1200, ..reported }),
                _ => {}
            }
            if stage == goal {
                return;
            }
        }
    }

    /// Runs `advance`, which evidence must stop. Returns the messages.
    #[track_caller]
    fn missing(&self, arguments: &[&str]) -> String {
        let before = self.folder.read("flags.toml");
        let ran = self.folder.run(&[&["migrate", "split-name"], arguments].concat());
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.err.contains("evidence is missing; nothing was written"), "{ran:?}");
        assert_eq!(self.folder.read("flags.toml"), before);
        ran.err
    }

    fn verbs(&self) -> Vec<String> {
        self.folder.entries().iter().map(|entry| entry["verb"].as_str().expect("a verb").to_owned()).collect()
    }
}

#[test]
fn a_fleet_goes_through_all_stages() {
    let fleet = Fleet::new("");
    fleet.go_to("complete");
    let ran = fleet.folder.run(&["migrate", "split-name", "contract"]);
    assert!(ran.code == 3 && ran.err.contains("got the range full, expected contracted"), "{ran:?}");
    // A build of the same release is not a later one, whatever its range is.
    let contracted = Reported { range: "contracted", ..Reported::at("complete") };
    fleet.all(&contracted);
    let missing = fleet.missing(&["contract"]);
    assert!(
        missing.contains("every instance runs another release than those at complete (r1): release r1"),
        "{missing}"
    );
    let later = Reported { release: Some("r2"), ..contracted };
    fleet.all(&later);
    fleet.one(1, &Reported { release: None, ..later.clone() });
    assert!(fleet.missing(&["contract"]).contains("no release, release r2"));
    fleet.all(&later);
    fleet.step(&["contract"], &Reported { stage: "contracted", ..later });
    let ran = fleet.folder.run(&["log", "--verify"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let complete = fleet.folder.entries().into_iter().find(|entry| entry["to"] == "complete").expect("the step");
    assert_eq!(complete["observed"]["instances"][1]["release"], "r1", "{complete}");
    let once = ["observe", "advance", "observe", "backfill"].map(str::to_owned);
    assert_eq!(fleet.verbs()[..4], once, "off is observed too");
    for arguments in [&["back"][..], &["back", "--accept-stale-data"], &["advance"], &["contract"]] {
        let ran = fleet.folder.run(&[&["migrate", "split-name"], arguments].concat());
        assert_eq!(ran.code, 7, "{ran:?}");
    }
}

#[test]
fn an_instance_that_is_not_ready_is_named() {
    let fleet = Fleet::new("");
    let [first, second] = [0, 1].map(|instance: usize| fleet.servers[instance].url() + "status");
    let off = Reported::at("off");
    for (reply, why) in [
        (Reply::ok(&Reported::at("dual-write").status(1).to_string()), "got dual-write, expected off"),
        (Reply::ok(&Reported::at("lively").status(1).to_string()), "got lively, expected off"),
        (
            Reply::ok(&Reported { range: "contracted", ..off.clone() }.status(1).to_string()),
            "got the range contracted, expected full",
        ),
        (
            Reply::ok(r#"{"release": "r0", "migrations": []}"#),
            "it lists no migration \"split-name\"; its release is r0",
        ),
        (Reply::ok("Welcome"), "got no status: "),
        (Reply::Response(500, "Sorry".to_owned()), "status 500"),
        (Reply::Redirect("/login".to_owned()), "status 302"),
        (Reply::Truncated, "truncated response"),
    ] {
        fleet.servers[1].set(reply);
        let missing = fleet.missing(&["advance"]);
        assert!(missing.contains("1 of 2") && missing.contains(&format!("{second}: {why}")), "{why}: {missing}");
        assert!(!missing.contains(&first), "{missing}");
    }
    assert_eq!(fleet.folder.entries().len(), 0, "nothing was observed");
    let gone = refused_address();
    let text = fleet.folder.read("flags.toml").replace(fleet.servers[1].address(), &gone);
    fleet.folder.write("flags.toml", &text);
    let missing = fleet.missing(&["advance"]);
    assert!(missing.contains(&format!("{gone}/status: connection refused")), "{missing}");
}

#[test]
fn a_gate_must_list_the_instances() {
    let flag = "[flags.split-name]\nkind = \"migration\"\n";
    for (text, gate) in [
        (flag.to_owned(), "a gate of the migration"),
        (flag.to_owned() + "gate = \"data\"\n[gate.data]\nsoak = \"1h\"\n", "[gate.data]"),
    ] {
        let folder = Folder::with("flags.toml", &text);
        let ran = folder.run(&["migrate", "split-name", "advance"]);
        assert_eq!(ran.code, 3, "{ran:?}");
        assert!(ran.err.contains(&format!("add `instances = [\"http://…/status\"]` to {gate}")), "{ran:?}");
        assert_eq!(folder.read("flags.toml"), text);
    }
    let folder = Folder::with("flags.toml", &(flag.to_owned() + "[gate.data]\ninstances = [\"app:80\"]\n"));
    let ran = folder.run(&["check"]);
    assert!(ran.code == 1 && ran.out.contains("gate.data.instances: got \"app:80\""), "{ran:?}");
}

#[test]
fn the_environments_of_one_gate_have_instances_of_their_own() {
    let fleet = Fleet::new("");
    let url = fleet.servers[0].url();
    let text = fleet.folder.read("flags.toml").replace(&url, "${APP}/");
    fleet.folder.write("flags.toml", &text.replace(&fleet.servers[1].url(), "http://${PEER}/"));
    let missing = fleet.missing(&["advance"]);
    assert!(missing.contains("${APP}/status: the environment variable APP is not set"), "{missing}");
    assert!(missing.contains("http://${PEER}/status: the environment variable PEER is not set"), "{missing}");
    let mut command = fleet.folder.command(&["migrate", "split-name", "status"]);
    command.env("APP", url.trim_end_matches('/')).env("PEER", fleet.servers[1].address());
    let ran = ended(command);
    assert!(ran.code == 0 && ran.out.contains("every instance is at off"), "{ran:?}");
}

#[test]
fn an_instance_that_is_two_stages_away_is_named_after_a_step_back() {
    let fleet = Fleet::new("");
    fleet.go_to("shadow");
    fleet.one(1, &Reported::at("live"));
    let ran = fleet.folder.run(&["migrate", "split-name", "back"]);
    let warning =
        format!("warning: {}status is still at live, more than one stage from dual-write", fleet.servers[1].url());
    assert!(ran.code == 0 && ran.out.contains(&warning) && ran.out.contains("wait until each of them"), "{ran:?}");
    let ran = fleet.folder.run(&["migrate", "split-name", "back"]);
    assert!(ran.code == 0 && ran.out.matches("warning: ").count() == 2, "never refused: {ran:?}");
}

#[test]
fn a_gate_is_a_name() {
    let flag = "[flags.split-name]\nkind = \"migration\"\n";
    for (text, help) in [
        ("gate = { compared = 50 }\n", "got a table, expected the name of a gate"),
        ("gate = { compared = 50 }\n", "write the table as `[gate.NAME]`, and `gate = \"NAME\"` here"),
        ("gate = \"dat\"\n[gate.data]\n", "did you mean `data`?"),
        ("gate = \"x\"\n[gate.data]\n[gate.standard]\n", "the gates of the file: data, standard"),
        ("gate = \"x\"\n", "the file has no gate: add `[gate.x]`"),
    ] {
        let folder = Folder::with("flags.toml", &(flag.to_owned() + text));
        let ran = folder.run(&["check"]);
        assert!(ran.code == 1 && ran.out.contains(help), "{ran:?}");
        let ran = folder.run(&["migrate", "split-name", "status"]);
        assert!(ran.code == 1 && ran.err.contains(help), "{ran:?}");
    }
}

#[test]
fn a_backfill_counts_only_after_both_sides_are_written_everywhere() {
    let fleet = Fleet::new("");
    let done = |started: &str, mismatches: &str| {
        let arguments = ["backfill-done", "--started", started, "--rows", "7", "--mismatches", mismatches];
        fleet.folder.run(&[&["migrate", "split-name"][..], &arguments].concat())
    };
    let ran = done("2020-01-01T10:00:00Z", "0");
    assert!(ran.code == 3 && ran.err.contains("write both sides first, and then backfill"), "{ran:?}");
    fleet.step(&["advance"], &Reported::at("dual-write"));
    let ran = done("2020-01-01T10:00:00Z", "0");
    assert!(ran.code == 3 && ran.err.contains("run the backfill again"), "{ran:?}");
    assert_eq!(done("yesterday", "0").code, 2);
    assert_eq!(done("2999-11-29T10:00:00Z", "0").code, 2, "it is in the future");
    let now = jiff::Timestamp::now().to_string();
    assert_eq!(done(&now, "3").code, 0);
    let missing = fleet.missing(&["advance"]);
    assert!(missing.contains("one with 3 mismatches") && missing.contains("backfill-done --started TIME"), "{missing}");
    assert_eq!(done(&now, "0").code, 0);
    let ran = fleet.folder.run(&["migrate", "split-name", "advance", "--dry-run"]);
    assert!(ran.code == 0 && ran.out.contains("7 rows"), "{ran:?}");
    // Without double writes, rows are only on the old side again.
    let ran = fleet.folder.run(&["migrate", "split-name", "back"]);
    assert!(ran.code == 0 && ran.out.contains("does not count any more"), "{ran:?}");
    fleet.all(&Reported::at("off"));
    fleet.step(&["advance"], &Reported::at("dual-write"));
    assert!(fleet.missing(&["advance"]).contains("a backfill that began after every instance wrote both sides: none"));
    let ran = done(&now, "0");
    assert!(ran.code == 3 && ran.err.contains("run the backfill again"), "{ran:?}");
    backfill(&fleet.folder);
    fleet.step(&["advance"], &Reported::at("shadow"));
}

#[test]
fn a_later_backfill_with_mismatches_voids_an_earlier_one() {
    let fleet = Fleet::new("");
    fleet.go_to("dual-write");
    backfill(&fleet.folder);
    let ran = fleet.folder.run(&["migrate", "split-name", "advance", "--dry-run"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let now = jiff::Timestamp::now().to_string();
    let done = ["migrate", "split-name", "backfill-done", "--started", &now, "--rows", "9", "--mismatches", "5"];
    assert_eq!(fleet.folder.run(&done).code, 0);
    assert!(fleet.missing(&["advance"]).contains("one with 5 mismatches"));
}

#[test]
fn comparisons_count_at_their_stage() {
    let fleet = Fleet::new("compared = 100\nmismatched = \"1%\"\n");
    fleet.go_to("shadow");
    // 600 reads of each instance were compared at shadow. At live, they do not count any more.
    let seen = Reported { compared: 600, ..Reported::at("live") };
    fleet.step(&["advance"], &seen);
    assert!(fleet.missing(&["advance"]).contains("at least 100 compared reads at live: 0"));
    fleet.one(0, &Reported { compared: 699, ..seen.clone() });
    assert!(fleet.missing(&["advance"]).contains("at least 100 compared reads at live: 99"));
    fleet.one(1, &Reported { compared: 601, mismatched: 2, ..seen.clone() });
    assert!(fleet.missing(&["advance"]).contains("at most 1% of the compared reads differ: 2 of 100"));
    // A process that started later counts from its start.
    let restarted = Reported { compared: 100, mismatched: 2, ..seen.clone() }.status(7).to_string();
    // Of one that runs longer and was not observed, no comparison is known to be of this stage.
    fleet.servers[1].set(Reply::ok(&restarted));
    assert!(fleet.missing(&["advance"]).contains("at least 100 compared reads at live: 99"));
    fleet.servers[1].set(Reply::ok(&restarted.replace(STARTED, LATER)));
    let missing = fleet.missing(&["advance"]);
    assert!(missing.contains("differ: 2 of 199"), "{missing}");
    fleet.one(1, &Reported { compared: 701, mismatched: 2, ..seen.clone() });
    let ran = fleet.folder.run(&["migrate", "split-name", "advance", "--dry-run"]);
    assert!(ran.code == 0 && ran.out.contains("2 of 200"), "{ran:?}");
    fleet.one(0, &Reported { compared: 699, failed: 3, ..seen.clone() });
    assert!(fleet.missing(&["advance"]).contains("at most 1% of the shadow reads fail: 3 of 203"));
    fleet.one(0, &Reported { compared: 699, unrepaired: 1, ..seen });
    assert!(fleet.missing(&["advance"]).contains("no second write is lost: 1 unrepaired"));
}

#[test]
fn the_release_must_be_known_before_the_point_of_no_return() {
    let fleet = Fleet::new("");
    fleet.go_to("ramp-down");
    fleet.one(1, &Reported { release: None, ..Reported::at("ramp-down") });
    assert!(fleet.missing(&["advance"]).contains("every instance reports its release: 1 instance reports none"));
}

#[test]
fn a_wait_for_the_instances_ends() {
    let build = Server::new(Reply::ok("r1"));
    let fleet = Fleet::new(&format!("build = {{ url = \"{}\", expect = \"r1\", within = \"1s\" }}\n", build.url()));
    let screen = step(&fleet.folder, &["advance"]);
    assert!(screen.contains("not every instance was seen at dual-write yet: 0 of 2"), "{screen}");
    assert_eq!(fleet.verbs(), ["observe", "advance"]);
    let ran = fleet.folder.run(&["migrate", "split-name", "status"]);
    assert!(ran.code == 0 && ran.out.contains("not every instance was seen at dual-write yet"), "{ran:?}");
    fleet.one(0, &Reported::at("dual-write"));
    fleet.folder.run(&["migrate", "split-name", "status"]);
    assert_eq!(fleet.verbs().len(), 2, "one of two");
    fleet.one(1, &Reported::at("dual-write"));
    let ran = fleet.folder.run(&["migrate", "split-name", "status"]);
    assert!(ran.out.contains("recorded an observation in the log: every instance is at dual-write"), "{ran:?}");
    assert_eq!(fleet.verbs(), ["observe", "advance", "observe"]);
    fleet.folder.run(&["migrate", "split-name", "status"]);
    assert_eq!(fleet.verbs().len(), 3, "once");
}

#[test]
fn an_interruption_ends_the_wait_and_not_the_stage() {
    let fleet = Fleet::new("");
    let mut terminal = fleet.folder.terminal(&["migrate", "split-name", "advance"]);
    terminal.wait_for("Type split-name");
    terminal.answer("split-name");
    terminal.wait_for("every instance to reach dual-write");
    terminal.press(3);
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("not every instance was seen at dual-write yet"), "{screen}");
    assert!(fleet.folder.read("flags.toml").contains("stage = \"dual-write\""));
    assert_eq!(fleet.folder.run(&["log", "--verify"]).code, 0);
}

#[test]
fn a_step_back_prints_the_lost_writes_and_never_waits_for_them() {
    let fleet = Fleet::new("");
    fleet.go_to("live");
    fleet.one(0, &Reported { unrepaired: 2, ..Reported::at("live") });
    fleet.one(1, &Reported { unrepaired: 1, ..Reported::at("live") });
    let ran = fleet.folder.run(&["migrate", "split-name", "back"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let expected = "brought split-name back from live to shadow\n3 second writes were lost\n\
        their rows are stale on the old side, which is read from now on\n";
    assert!(ran.out.starts_with(expected), "{ran:?}");
    fleet.servers[0].set(Reply::Silence);
    let data = fleet.folder.json(&["migrate", "split-name", "back"]);
    assert_eq!(data["data"]["lost"], json!({ "unrepaired": 1, "unknown_instances": 1 }), "{data}");
    assert!(fleet.folder.read("flags.toml").contains("stage = \"dual-write\""));
    assert_eq!(fleet.folder.run(&["log", "--verify"]).code, 0);
}

#[test]
fn a_process_with_two_addresses_counts_once() {
    let fleet = Fleet::new("compared = 100\n");
    fleet.go_to("shadow");
    let same = Reported { compared: 60, ..Reported::at("shadow") }.status(7).to_string().replace(STARTED, LATER);
    fleet.servers.iter().for_each(|server| server.set(Reply::ok(&same)));
    assert!(fleet.missing(&["advance"]).contains("at least 100 compared reads at shadow: 60"));
}
