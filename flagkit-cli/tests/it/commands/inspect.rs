//! `list`, `show`, `eval`, `explain`, `diff` and `watch`.

use std::fs;
use std::io::{BufRead as _, BufReader};

use super::{BROKEN, FLAGS, shop};
use crate::support::{Reply, Server, Transcript, ended, nobody};

#[test]
fn list_and_show() {
    let folder = shop();
    folder.write("flags.prod.toml", "[flags]\nnew-checkout = \"10%\"\n");
    folder.run(&["revert", "dark-mode", "--to", "50", "--reason", "too dark"]);
    let mut told = Transcript::new(&folder);
    told.both(&["list"]);
    told.both(&["list", "--source", "file:flags.toml", "--source", "file:flags.prod.toml"]);
    told.both(&["show", "search-v2"]);
    told.both(&["show", "new-checkout"]);
    told.both(&["show", "dark-mode"]);
    told.text(&["show", "beta-ui"]);
    told.note("Unknown flags.");
    told.both(&["show", "serach-v2"]);
    told.both(&["show", "zzz"]);
    told.text(&["show"]);
    told.note("Missing and broken files, and sources that make no sense.");
    for verb in [&["list"][..], &["show", "a"]] {
        told.both(&[verb, &["--file", "nowhere.toml"]].concat());
    }
    folder.write("broken.toml", BROKEN);
    told.both(&["list", "--file", "broken.toml"]);
    told.both(&["show", "a", "--file", "broken.toml"]);
    told.both(&["list", "--source", "ftp://x"]);
    folder.write("wrong.toml", "[flags]\na = 1\nb = true\n[flags.c]\non = true\nrolout = 5\n");
    told.both(&["list", "--file", "wrong.toml"]);
    told.both(&["show", "a", "--file", "wrong.toml"]);
    told.text(&["lits"]);
    told.check("list-and-show");
}

#[test]
fn eval_and_explain() {
    let folder = shop();
    let mut told = Transcript::new(&folder);
    for verb in ["eval", "explain"] {
        told.note(verb);
        told.both(&[verb, "new-checkout"]);
        told.both(&[verb, "dark-mode"]);
        told.both(&[verb, "search-v2", "--id", "user-1"]);
        told.both(&[verb, "search-v2"]);
        told.both(&[verb, "beta-ui", "--id", "tester-1"]);
        told.both(&[verb, "beta-ui", "--id", "u-7", "--attr", "plan=beta", "--attr", "seats=3"]);
        told.both(&[verb, "theme", "--id", "user-1"]);
        told.note("Unknown flags, attributes and sources that make no sense.");
        told.both(&[verb, "serach-v2"]);
        told.both(&[verb, "dark-mode", "--attr", "plan"]);
        told.both(&[verb, "dark-mode", "--source", "file:"]);
        told.text(&[verb]);
        told.both(&[verb, "dark-mode", "--file", "nowhere.toml"]);
    }
    folder.write("broken.toml", BROKEN);
    told.both(&["eval", "a", "--file", "broken.toml"]);
    told.check("eval-and-explain");
}

#[test]
fn eval_by_layers() {
    let server = Server::new(Reply::ok("[flags]\ndark-mode = false\n"));
    let folder = shop();
    let mut told = Transcript::new(&folder);
    told.replace(server.address(), "127.0.0.1:PORT");
    let url = format!("http://{}/flags.toml", server.address());
    told.note("An http: layer above the file.");
    told.both(&["eval", "dark-mode", "--source", "file:flags.toml", "--source", &url]);
    told.note("A server that lies about its format, fails, is gone.");
    server.set(Reply::Says(503, "[flags]\n".to_owned()));
    told.both(&["eval", "dark-mode", "--source", &url]);
    server.set(Reply::ok("<html>"));
    told.both(&["eval", "dark-mode", "--source", &url]);
    let gone = nobody();
    told.replace(&gone, "127.0.0.1:NOBODY");
    told.both(&["eval", "dark-mode", "--source", &format!("http://{gone}/flags.toml")]);
    told.note("A variable of the environment above the file.");
    let ran = ended({
        let mut command = folder.command(&["eval", "dark-mode"]);
        command.env("FLAG_DARK_MODE", "off");
        command
    });
    told.shown("FLAG_DARK_MODE=off flagkit eval dark-mode", &ran.out, &ran.err, ran.code);
    told.check("eval-by-layers");
}

#[test]
fn eval_of_a_batch() {
    let folder = shop();
    let mut told = Transcript::new(&folder);
    let batch = |told: &mut Transcript<'_>, arguments: &[&str], input: &str| {
        let ran = folder.run_with(arguments, input);
        let input = input.lines().fold(String::new(), |text, line| text + "< " + line + "\n");
        told.shown(&format!("flagkit {}", arguments.join(" ")), &(input + &ran.out), &ran.err, ran.code);
    };
    let good = "\
{\"flag\":\"dark-mode\"}
{\"flag\":\"search-v2\",\"id\":\"user-1\"}
{\"flag\":\"search-v2\",\"id\":7}
{\"flag\":\"beta-ui\",\"id\":\"u-7\",\"attributes\":{\"plan\":\"beta\",\"seats\":[1,2.5,true,null]}}
{\"flag\":\"theme\",\"id\":\"user-1\"}
{\"flag\":\"nowhere\"}
";
    batch(&mut told, &["eval", "--stdin"], good);
    told.note("Lines that are no questions are answered as well, and the rest goes on.");
    let bad =
        "{\"flag\":\"dark-mode\"}\nnonsense\n{}\n{\"flag\":\"dark-mode\",\"id\":{}}\n\n{\"flag\":\"dark-mode\"}\n";
    batch(&mut told, &["eval", "--stdin"], bad);
    batch(&mut told, &["eval", "--stdin"], "");
    told.note("With a name as well, and without a file.");
    batch(&mut told, &["eval", "dark-mode", "--stdin"], "");
    batch(&mut told, &["eval", "--stdin", "--file", "nowhere.toml"], good);
    told.check("eval-of-a-batch");
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
    let mut told = Transcript::new(&folder);
    told.both(&["diff", "flags.toml", "after.toml"]);
    told.both(&["diff", "flags.toml", "flags.toml"]);
    told.both(&["diff", "flags.toml", "after.toml", "--deny-widening"]);
    folder.write("narrow.toml", &FLAGS.replace("rollout = 25", "rollout = 10"));
    told.both(&["diff", "flags.toml", "narrow.toml", "--deny-widening"]);
    told.both(&["diff", "flags.toml", "after.toml", "--population", "people.jsonl"]);
    told.note("Revisions of git.");
    folder.git(&["init", "-q"]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "base"]);
    folder.write("flags.toml", &after);
    told.both(&["diff", "HEAD", "flags.toml"]);
    told.both(&["diff", "HEAD", "v9.9"]);
    told.note("Populations and files that make no sense.");
    folder.write("people.jsonl", "{\"id\":\"u1\"}\n{\"id\":\n");
    told.both(&["diff", "flags.toml", "after.toml", "--population", "people.jsonl"]);
    told.both(&["diff", "flags.toml", "after.toml", "--population", "nobody.jsonl"]);
    folder.write("broken.toml", BROKEN);
    told.both(&["diff", "flags.toml", "broken.toml"]);
    told.text(&["diff", "flags.toml"]);
    told.check("diff");
}

#[test]
fn diff_where_git_knows_nothing() {
    let folder = shop();
    let mut told = Transcript::new(&folder);
    told.both(&["diff", "flags.toml", "nowhere.toml"]);
    told.check("diff-without-git");
}

#[test]
fn watch() {
    let folder = shop();
    let mut told = Transcript::new(&folder);
    let mut child =
        folder.command(&["watch", "--source", "file:flags.toml", "--lines", "6"]).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut shown = String::new();
    // Reads lines up to this event, and so many of them.
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
    until("turned", 2, &mut shown);
    put(&FLAGS.replace("rollout = 25", "rollout = 50"));
    until("turned", 2, &mut shown);
    let code = child.wait().expect("it ends").code().expect("a code");
    told.shown("flagkit watch --source file:flags.toml --lines 6", &shown, "", code);
    told.note("Without a file, and sources that make no sense.");
    told.both(&["watch", "--file", "nowhere.toml"]);
    told.both(&["watch", "--source", "gopher:x"]);
    folder.write("broken.toml", BROKEN);
    told.both(&["watch", "--file", "broken.toml", "--lines", "1"]);
    told.check("watch");
}
