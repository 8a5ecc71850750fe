//! `migrate`: its help, and each of its subcommands.

use super::changed;
use crate::support::{Folder, Reply, Server, Terminal, Transcript};

/// A migration with a running instance.
fn project(server: &Server) -> Folder {
    let gate = format!("[gate.data]\ninstances = [\"{}status\"]\ncompared = 100\ndrain = \"0s\"\n", server.url());
    let flag = "[flags.split-name]   # of users\nkind = \"migration\"\ngate = \"data\"\n";
    Folder::with("flags.toml", &format!("{flag}\n{gate}"))
}

/// An instance at a stage.
fn at(stage: &str, compared: u64, unrepaired: u64) -> Reply {
    let status = serde_json::json!({
        "release": "2026.11.3", "started": "2026-11-29T10:00:00Z", "instance": "9c1f0a6be2d84437", "revision": 7,
        "migrations": [{
            "key": "split-name", "stage": stage, "partition": null, "rollout": null, "range": "full",
            "first": "off", "last": "complete",
            "counters": { "compared": compared, "mismatched": 0, "unrepaired": unrepaired },
        }],
    });
    Reply::ok(&status.to_string())
}

/// Types the name, and then lets the instance load the stage.
fn follow(server: &Server, stage: &'static str) -> impl FnOnce(&mut Terminal) {
    let server = server.clone();
    move |terminal| {
        // The screen shows the answer after the whole question.
        terminal.wait_for(&format!("to advance it to {stage}: "));
        terminal.answer("split-name");
        terminal.wait_for("to reach");
        server.set(at(stage, 0, 0));
    }
}

#[test]
fn migrate() {
    let server = Server::new(at("off", 0, 0));
    let folder = project(&server);
    let mut transcript = Transcript::new(&folder);
    transcript.replace(server.address(), "127.0.0.1:PORT");
    for arguments in [&["--help"][..], &["NAME", "advance", "--help"], &["NAME", "backfill-done", "--help"]] {
        transcript.text(&[&["migrate"], arguments].concat());
    }
    transcript.note("Before the first step.");
    let before = folder.all();
    transcript.text(&["migrate", "split-name", "advance", "--dry-run"]);
    transcript.both(&["migrate", "split-name", "advance", "--to", "live"]);
    assert_eq!(changed(&folder, &before), Vec::<String>::new());
    transcript.at_terminal(&["migrate", "split-name", "advance"], follow(&server, "dual-write"));
    transcript.note("The next step requires a backfill.");
    transcript.both(&["migrate", "split-name", "status"]);
    transcript.both(&["migrate", "split-name", "advance"]);
    let started = jiff::Timestamp::now().to_string();
    transcript.replace(&started, "YYYY-MM-DDTHH:MMZ");
    let done = ["migrate", "split-name", "backfill-done", "--started", &started, "--rows", "12", "--mismatches", "0"];
    transcript.text(&done);
    transcript.at_terminal(&["migrate", "split-name", "advance"], follow(&server, "shadow"));
    transcript.note("A lost write, and too few comparisons.");
    server.set(at("shadow", 7, 1));
    transcript.text(&["migrate", "split-name", "status"]);
    transcript.text(&["migrate", "split-name", "advance"]);
    transcript.note("Back.");
    transcript.text(&["migrate", "split-name", "back"]);
    transcript.text(&["migrate", "split-name", "back", "--to", "shadow"]);
    transcript.file("flags.toml");
    transcript.text(&["log"]);
    transcript.text(&["log", "--verify"]);
    transcript.check("migrate");
}
