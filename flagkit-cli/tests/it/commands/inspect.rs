//! `list`, `show`, `eval`, `explain`, `diff` and `watch`.

use std::fs;
use std::io::{BufRead as _, BufReader};

use super::{FLAGS, INVALID, shop};
use crate::support::{Reply, Server, Transcript, ended, refused_address};

#[test]
fn list_and_show() {
    let folder = shop();
    folder.write("flags.prod.toml", "[flags]\nnew-checkout = \"10%\"\n");
    folder.run(&["revert", "dark-mode", "--to", "50", "--reason", "too dark"]);
    let mut transcript = Transcript::new(&folder);
    transcript.both(&["list"]);
    transcript.both(&["list", "--source", "file:flags.toml", "--source", "file:flags.prod.toml"]);
    transcript.both(&["show", "search-v2"]);
    transcript.both(&["show", "new-checkout"]);
    transcript.both(&["show", "dark-mode"]);
    transcript.text(&["show", "beta-ui"]);
    transcript.note("Unknown flags.");
    transcript.both(&["show", "serach-v2"]);
    transcript.both(&["show", "zzz"]);
    transcript.text(&["show"]);
    transcript.note("Missing and invalid files, and invalid sources.");
    for command in [&["list"][..], &["show", "a"]] {
        transcript.both(&[command, &["--file", "nowhere.toml"]].concat());
    }
    folder.write("invalid.toml", INVALID);
    transcript.both(&["list", "--file", "invalid.toml"]);
    transcript.both(&["show", "a", "--file", "invalid.toml"]);
    transcript.both(&["list", "--source", "ftp://x"]);
    folder.write("wrong.toml", "[flags]\na = 1\nb = true\n[flags.c]\non = true\nrolout = 5\n");
    transcript.both(&["list", "--file", "wrong.toml"]);
    transcript.both(&["show", "a", "--file", "wrong.toml"]);
    transcript.text(&["lits"]);
    transcript.check("list-and-show");
}

#[test]
fn eval_and_explain() {
    let folder = shop();
    let mut transcript = Transcript::new(&folder);
    for command in ["eval", "explain"] {
        transcript.note(command);
        transcript.both(&[command, "new-checkout"]);
        transcript.both(&[command, "dark-mode"]);
        transcript.both(&[command, "search-v2", "--id", "user-1"]);
        transcript.both(&[command, "search-v2"]);
        transcript.both(&[command, "beta-ui", "--id", "tester-1"]);
        transcript.both(&[command, "beta-ui", "--id", "u-7", "--attr", "plan=beta", "--attr", "seats=3"]);
        transcript.both(&[command, "theme", "--id", "user-1"]);
        transcript.note("Unknown flags, and invalid attributes and sources.");
        transcript.both(&[command, "serach-v2"]);
        transcript.both(&[command, "dark-mode", "--attr", "plan"]);
        transcript.both(&[command, "dark-mode", "--source", "file:"]);
        transcript.text(&[command]);
        transcript.both(&[command, "dark-mode", "--file", "nowhere.toml"]);
    }
    folder.write("invalid.toml", INVALID);
    transcript.both(&["eval", "a", "--file", "invalid.toml"]);
    transcript.check("eval-and-explain");
}

#[test]
fn eval_by_layers() {
    let server = Server::new(Reply::ok("[flags]\ndark-mode = false\n"));
    let folder = shop();
    let mut transcript = Transcript::new(&folder);
    transcript.replace(server.address(), "127.0.0.1:PORT");
    let url = format!("http://{}/flags.toml", server.address());
    transcript.note("An http: layer above the file.");
    transcript.both(&["eval", "dark-mode", "--source", "file:flags.toml", "--source", &url]);
    transcript.note("A server that fails, sends another format, or is down.");
    server.set(Reply::Response(503, "[flags]\n".to_owned()));
    transcript.both(&["eval", "dark-mode", "--source", &url]);
    server.set(Reply::ok("<html>"));
    transcript.both(&["eval", "dark-mode", "--source", &url]);
    let gone = refused_address();
    transcript.replace(&gone, "127.0.0.1:REFUSED");
    transcript.both(&["eval", "dark-mode", "--source", &format!("http://{gone}/flags.toml")]);
    transcript.note("An environment variable above the file.");
    let ran = ended({
        let mut command = folder.command(&["eval", "dark-mode"]);
        command.env("FLAG_DARK_MODE", "off");
        command
    });
    transcript.shown("FLAG_DARK_MODE=off flagkit eval dark-mode", &ran.out, &ran.err, ran.code);
    transcript.check("eval-by-layers");
}

#[test]
fn eval_of_a_batch() {
    let folder = shop();
    let mut transcript = Transcript::new(&folder);
    let batch = |transcript: &mut Transcript<'_>, arguments: &[&str], input: &str| {
        let ran = folder.run_with(arguments, input);
        let input = input.lines().fold(String::new(), |text, line| text + "< " + line + "\n");
        transcript.shown(&format!("flagkit {}", arguments.join(" ")), &(input + &ran.out), &ran.err, ran.code);
    };
    let good = "\
{\"flag\":\"dark-mode\"}
{\"flag\":\"search-v2\",\"id\":\"user-1\"}
{\"flag\":\"search-v2\",\"id\":7}
{\"flag\":\"beta-ui\",\"id\":\"u-7\",\"attributes\":{\"plan\":\"beta\",\"seats\":[1,2.5,true,null]}}
{\"flag\":\"theme\",\"id\":\"user-1\"}
{\"flag\":\"nowhere\"}
";
    batch(&mut transcript, &["eval", "--stdin"], good);
    transcript.note("An invalid line prints an error, and the next lines are evaluated.");
    let bad =
        "{\"flag\":\"dark-mode\"}\nnonsense\n{}\n{\"flag\":\"dark-mode\",\"id\":{}}\n\n{\"flag\":\"dark-mode\"}\n";
    batch(&mut transcript, &["eval", "--stdin"], bad);
    batch(&mut transcript, &["eval", "--stdin"], "");
    transcript.note("With a name as well, and without a file.");
    batch(&mut transcript, &["eval", "dark-mode", "--stdin"], "");
    batch(&mut transcript, &["eval", "--stdin", "--file", "nowhere.toml"], good);
    transcript.check("eval-batch");
}

#[test]
fn diff() {
    let folder = shop();
    let after = FLAGS
        .replace("new-checkout = false", "new-checkout = \"10%\"")
        .replace("rollout = 25", "rollout = 10")
        .replace("Search by meaning", "Search by what is meant")
        .replace("dark-mode = true\n", "fresh = false\n");
    folder.write("after.toml", &after);
    let people: String = (0..1000).fold(String::new(), |text, n| text + &format!("{{\"id\":\"user-{n}\"}}\n"));
    folder.write("people.jsonl", &people);
    let mut transcript = Transcript::new(&folder);
    transcript.both(&["diff", "flags.toml", "after.toml"]);
    transcript.both(&["diff", "flags.toml", "flags.toml"]);
    transcript.both(&["diff", "flags.toml", "after.toml", "--deny-widening"]);
    folder.write("narrow.toml", &FLAGS.replace("rollout = 25", "rollout = 10"));
    transcript.both(&["diff", "flags.toml", "narrow.toml", "--deny-widening"]);
    transcript.both(&["diff", "flags.toml", "after.toml", "--population", "people.jsonl"]);
    transcript.note("Revisions of git.");
    folder.git(&["init", "-q"]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "base"]);
    folder.write("flags.toml", &after);
    transcript.both(&["diff", "HEAD", "flags.toml"]);
    transcript.both(&["diff", "HEAD", "v9.9"]);
    transcript.note("Invalid populations and files.");
    folder.write("people.jsonl", "{\"id\":\"u1\"}\n{\"id\":\n");
    transcript.both(&["diff", "flags.toml", "after.toml", "--population", "people.jsonl"]);
    transcript.both(&["diff", "flags.toml", "after.toml", "--population", "nobody.jsonl"]);
    folder.write("invalid.toml", INVALID);
    transcript.both(&["diff", "flags.toml", "invalid.toml"]);
    transcript.text(&["diff", "flags.toml"]);
    transcript.check("diff");
}

#[test]
fn diff_outside_a_repository() {
    let folder = shop();
    let mut transcript = Transcript::new(&folder);
    transcript.both(&["diff", "flags.toml", "nowhere.toml"]);
    transcript.check("diff-outside-a-repository");
}

#[test]
fn watch() {
    let folder = shop();
    let mut transcript = Transcript::new(&folder);
    let mut child =
        folder.command(&["watch", "--source", "file:flags.toml", "--lines", "6"]).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut shown = String::new();
    // Reads `count` lines. The last one must be `event`.
    let mut until = |event: &str, count: usize, shown: &mut String| {
        for left in (0..count).rev() {
            let line = lines.next().expect("a line").expect("UTF-8");
            let value: serde_json::Value = serde_json::from_str(&line).expect("JSON, one object a line");
            *shown += &serde_json::to_string_pretty(&value).expect("JSON");
            shown.push('\n');
            assert!(left > 0 || value["event"] == event, "{event}: {value}");
        }
    };
    let put = |text: &str| {
        folder.write("next.toml", text);
        fs::rename(folder.path("next.toml"), folder.path("flags.toml")).expect("renamed");
    };
    until("ready", 1, &mut shown);
    put(&FLAGS.replace("new-checkout = false", "new-checkout = \"10%\""));
    until("changed", 1, &mut shown);
    put(&FLAGS.replace("new-checkout = false", "new-checkout = = 1"));
    until("state-changed", 2, &mut shown);
    put(&FLAGS.replace("rollout = 25", "rollout = 50"));
    until("state-changed", 2, &mut shown);
    let code = child.wait().expect("it ends").code().expect("a code");
    transcript.shown("flagkit watch --source file:flags.toml --lines 6", &shown, "", code);
    transcript.note("Without a file, and with an invalid source.");
    transcript.both(&["watch", "--file", "nowhere.toml"]);
    transcript.both(&["watch", "--source", "gopher:x"]);
    folder.write("invalid.toml", INVALID);
    transcript.both(&["watch", "--file", "invalid.toml", "--lines", "1"]);
    transcript.check("watch");
}
