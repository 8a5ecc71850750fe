//! Whole runs of every verb, as text, as JSON and by their exit codes, beside files that say how they should look.
//!
//! `UPDATE_SNAPSHOTS=1 cargo test -p flagkit-cli --test every_verb_says_what_it_does` writes the files anew. Read the
//! difference.
//!
//! One file, and a long one: each verb is a test and a snapshot of the same name, on the same flags.

mod stage;

use std::fs;
use std::io::{BufRead as _, BufReader};

use stage::{Folder, Reply, Server, Transcript, ended, nobody};

const FLAGS: &str = "\
# The flags of the shop.
[flags]
new-checkout = false            # merged, and dark
dark-mode = true

[flags.search-v2]
description = \"Search by meaning\"
owner = \"search@example.com\"
kind = \"release\"
expires = 2999-01-01
on = true
rollout = 25

[flags.beta-ui]
on = true
requires = [\"search-v2\"]
rollout = 0
[[flags.beta-ui.rules]]
name = \"testers\"
subjects = [\"tester-1\"]
[[flags.beta-ui.rules]]
name = \"beta\"
if = { plan = [\"beta\", \"partner\"] }
rollout = 50

[flags.theme]
on = true
variants = { classic = 50, ocean = 50 }
";

const CODE: &str = "\
fn main() {
    if flag!(\"new-checkout\") || flag!(\"dark-mode\") {}
    println!(\"{}\", flag!(\"search-v2\", &user));
    assert!(flag!(\"beta-ui\", &user), \"{:?}\", variant!(\"theme\", &user));
}
";

fn shop() -> Folder {
    let folder = Folder::with("flags.toml", FLAGS);
    folder.write("src/main.rs", CODE);
    folder
}

const BROKEN: &str = "[flags]\na = true\nb = = 1\n[flags.c]\non = true\n";

/// Flags behind a gate, whose check asks the server.
fn gated(address: &str, gate: &str, expect: &str) -> Folder {
    Folder::with(
        "flags.toml",
        &format!(
            "# The flags.\n[flags.pay]   # by card\non = false    # dark\ngate = \"standard\"\n\n[gate.standard]\nchecks = [\"home\"]\n\
             {gate}\n[check.home]\nurl = \"http://{address}/\"\nexpect = {expect}\n"
        ),
    )
}

/// What a run wrote, if it wrote anything: names of files that are new or other than before.
fn changed(folder: &Folder, before: &[(std::path::PathBuf, String)]) -> Vec<String> {
    let all = folder.all();
    let new = all.iter().filter(|file| !before.contains(file)).map(|(path, _)| path);
    let gone = before.iter().map(|(path, _)| path).filter(|path| !all.iter().any(|(there, _)| there == *path));
    new.chain(gone).map(|path| path.strip_prefix(folder.root()).expect("below").display().to_string()).collect()
}

#[test]
fn init() {
    let folder = Folder::new();
    let mut told = Transcript::new(&folder);
    told.note("A dry run shows, and writes nothing.");
    told.both(&["init", "--dry-run"]);
    assert_eq!(changed(&folder, &[]), Vec::<String>::new());
    told.text(&["init"]);
    told.note("It never overwrites.");
    told.both(&["init"]);
    told.note("What it wrote is in order.");
    told.both(&["check"]);
    told.both(&["list"]);
    told.note("A folder that is not there yet.");
    told.text(&["init", "--file", "new/flags.toml", "--dry-run"]);
    assert!(!folder.path("new").exists());
    assert_eq!(folder.run(&["init", "--file", "new/flags.toml"]).code, 0);
    told.text(&["init", "--force"]);
    told.check("init");
    let folder = Folder::new();
    let mut told = Transcript::new(&folder);
    told.json(&["init"]);
    told.check("init-json");
}

#[test]
fn new() {
    let folder = shop();
    let before = folder.all();
    let mut told = Transcript::new(&folder);
    let full = ["new", "gift-finder", "--owner", "gifts@example.com", "--kind", "release", "--expires", "2999-01-01"];
    told.both(&[&full[..], &["--dry-run"]].concat());
    assert_eq!(changed(&folder, &before), Vec::<String>::new(), "a dry run writes nothing");
    told.text(&[&full[..], &["--description", "Finds \"gifts\""]].concat());
    told.json(&["new", "shop.sale"]);
    let text = folder.read("flags.toml");
    assert!(text.starts_with(FLAGS), "what was there stays as it was: {text}");
    told.shown("tail flags.toml", &text[FLAGS.len()..], "", 0);
    told.text(&["eval", "gift-finder"]);
    told.note("Near-duplicates.");
    for name in ["new-checkout", "new-chekcout", "dark_mode", "search-v3", "beta.ui"] {
        told.both(&["new", name, "--dry-run"]);
    }
    told.note("What is no key, no day, no kind.");
    told.both(&["new", "no key"]);
    told.text(&["new"]);
    told.text(&["new", "x1", "--expires", "tomorrow"]);
    told.text(&["new", "x1", "--kind", "relase"]);
    told.note("Missing and broken files.");
    told.both(&["new", "x1", "--file", "nowhere.toml"]);
    folder.write("broken.toml", BROKEN);
    told.both(&["new", "x1", "--file", "broken.toml"]);
    told.check("new");
}

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

#[test]
fn check() {
    let folder = shop();
    let mut told = Transcript::new(&folder);
    told.both(&["check"]);
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(7 * 24)).strftime("%F").to_string();
    told.replace(&soon, "IN-A-WEEK");
    let more = format!(
        "
[flags.old]
kind = \"release\"
owner = \"a@example.com\"
expires = 2020-01-01

[flags.ending]
kind = \"experiment\"
expires = {soon}

[flags.launch]
start_at = 2030-01-01
enable_after = \"2030-01-01\"

[flags.serach-v2]
on = false

[flags.settled]
on = true
created = 2020-01-01

[flags.ring-a]
requires = [\"ring-b\"]
[flags.ring-b]
requires = [\"ring-a\"]

[flags.drill]
allow = {{ unused = \"for fire drills\" }}
[flags.silent]
allow = {{ unused = \"\" }}
"
    );
    folder.write("flags.toml", &(FLAGS.to_owned() + &more));
    folder.write(
        "src/more.rs",
        "fn f() {\n    // flag!(\"in-a-comment\")\n    tokio::select! { _ = a, if flag!(\"dark-mod\") => {} }\n    \
         flag!(\"nowhere\"); flags.is_on(\"old\", &()); flag!(\"launch\"); flag!(\"ending\"); flag!(\"settled\");\n    \
         println!(\"{}\", flag!(\"serach-v2\"));\n}\n",
    );
    folder.write("src/odd.rs", "fn f() { flag!(\"dark-mode\") \n");
    told.both(&["check"]);
    for format in ["human", "github"] {
        told.text(&["check", "--format", format]);
    }
    for format in ["json", "sarif"] {
        let ran = folder.run(&["check", "--format", format]);
        let value: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        told.shown(&format!("flagkit check --format {format}"), &pretty, &ran.err, ran.code);
    }
    told.text(&["check", "--format", "xml"]);
    told.check("check");
}

#[test]
fn check_of_files_that_make_no_sense() {
    let folder = Folder::with("flags.toml", BROKEN);
    let mut told = Transcript::new(&folder);
    told.both(&["check"]);
    told.both(&["check", "--file", "nowhere.toml"]);
    told.note("Gates that make no sense.");
    for (name, text) in [
        ("no-check", "[flags]\n[gate.standard]\nchecks = [\"home\"]\n"),
        ("no-gate", "[defaults]\ngate = \"standrad\"\n[flags]\n[gate.standard]\n"),
        ("down", "[flags]\n[gate.standard]\nramp = [50, 10]\n"),
        ("typo", "[flags]\n[gate.standard]\nchekcs = []\n"),
        ("time", "[flags]\n[gate.standard]\nsoak = \"often\"\n"),
        ("step", "[flags]\n[gate.standard]\nramp = [10, 101]\n"),
    ] {
        let name = format!("{name}.toml");
        folder.write(&name, text);
        told.both(&["check", "--file", &name]);
    }
    told.check("check-of-nonsense");
}

#[test]
fn check_against_a_base() {
    let gate = "\n[defaults]\ngate = \"standard\"\n[gate.standard]\nramp = [10, 100]\nsoak = \"1h\"\n";
    let start = FLAGS.replace("dark-mode = true", "dark-mode = false") + gate;
    let folder = Folder::with("flags.toml", &start);
    folder.write("src/main.rs", CODE);
    folder.git(&["init", "-q"]);
    folder.git(&["add", "-A"]);
    folder.git(&["commit", "-qm", "base"]);
    let mut told = Transcript::new(&folder);
    let against = ["check", "--base", "HEAD"];
    told.note("Nothing changed.");
    told.both(&against);
    told.note("Wider, and nobody said go.");
    let wide = start.replace("dark-mode = false", "dark-mode = \"10%\"");
    folder.write("flags.toml", &wide);
    told.both(&against);
    told.note("The same, and in the same change a gate that asks for less.");
    folder.write("flags.toml", &wide.replace("soak = \"1h\"\n", "").replace("[10, 100]", "[50, 100]"));
    told.both(&against);
    told.text(&["check", "--base", "HEAD", "--format", "github"]);
    told.note("The gate alone may ask for less.");
    folder.write("flags.toml", &start.replace("soak = \"1h\"\n", ""));
    told.both(&against);
    told.note("Narrower is free.");
    folder.write("flags.toml", &start.replace("rollout = 25", "rollout = 5"));
    told.both(&against);
    told.note("Wider, as a human said.");
    folder.write("flags.toml", &start);
    told.at_terminal(&["go", "dark-mode"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.answer("dark-mode");
    });
    told.both(&against);
    told.note("No such revision.");
    told.both(&["check", "--base", "nowhere"]);
    told.check("check-against-a-base");
}

#[test]
fn go_as_it_should_be() {
    let server = Server::new(Reply::ok("Welcome, release-7"));
    let address = server.address().to_owned();
    let gate = format!(
        "build = {{ url = \"http://{address}/version\", expect = \"${{RELEASE}}\", consecutive = 2, within = \"2s\" }}\n\
         ramp = [10, 50, 100]\nlook = [\"http://{address}/checkout\"]\nsoak = \"1h\"\n"
    );
    let folder = gated(&address, &gate, "{ contains = \"Welcome\", max_ms = 5000 }");
    let before = folder.read("flags.toml");
    let all = folder.all();
    let mut told = Transcript::new(&folder);
    told.replace(&address, "127.0.0.1:PORT");
    told.note("A variable that is not set.");
    told.both(&["go", "pay", "--dry-run"]);
    let with_release = |arguments: &[&str]| {
        let mut command = folder.command(arguments);
        command.env("RELEASE", "release-7");
        ended(command)
    };
    told.note("A dry run.");
    let ran = with_release(&["go", "pay", "--dry-run"]);
    told.shown("RELEASE=release-7 flagkit go pay --dry-run", &ran.out, &ran.err, ran.code);
    let written = changed(&folder, &all);
    assert!(written.iter().all(|path| path.starts_with(".flagkit")), "a dry run writes nothing: {written:?}");
    assert_eq!(folder.log(), "", "and logs nothing");
    told.note("Without a terminal.");
    let ran = with_release(&["go", "pay"]);
    told.shown("RELEASE=release-7 flagkit go pay", &ran.out, &ran.err, ran.code);
    let asked = server.asked();
    told.note("At a terminal.");
    let mut terminal = folder.terminal_with(&["go", "pay"], &[("NO_COLOR", "1"), ("RELEASE", "release-7")]);
    terminal.wait_for("to let it be seen: ");
    assert_eq!(folder.read("flags.toml"), before, "nothing is written before the name is typed");
    terminal.answer("pay");
    terminal.wait_for("to keep it: ");
    terminal.answer("yes");
    let (code, shown) = terminal.end();
    told.shown("RELEASE=release-7 flagkit go pay        (at a terminal)", &shown, "", code);
    assert_eq!(server.asked() - asked, 4, "the build twice, the check before and after");
    told.file("flags.toml");
    told.both(&["log"]);
    told.both(&["log", "--verify"]);
    told.note("The next step has to wait, and none is skipped.");
    told.both(&["go", "pay"]);
    told.both(&["go", "pay", "--to", "100"]);
    told.both(&["go", "pay", "--to", "5"]);
    told.both(&["go", "pay", "--to", "10"]);
    told.check("go");
}

#[test]
fn go_where_it_is_used_wrongly() {
    let folder = shop();
    folder.write(
        "flags.toml",
        &(FLAGS.to_owned() + "[flags.old]\nexpires = 2020-01-01\n[flags.late]\nstart_at = 2030-01-01\n"),
    );
    let mut told = Transcript::new(&folder);
    told.both(&["go", "dark-mod"]);
    told.both(&["go", "zzz"]);
    told.text(&["go"]);
    told.text(&["go", "new-checkout", "--yes"]);
    told.text(&["go", "new-checkout", "--force"]);
    told.text(&["go", "new-checkout", "--to", "101"]);
    told.text(&["go", "new-checkout", "--to", "ten"]);
    told.both(&["go", "new-checkout", "--env", "../prod"]);
    told.both(&["go", "new-checkout", "--file", "nowhere.toml"]);
    folder.write("broken.toml", BROKEN);
    told.both(&["go", "a", "--file", "broken.toml"]);
    told.note("Not clean.");
    told.both(&["go", "old"]);
    told.both(&["go", "late"]);
    told.note("A step back, and no step.");
    told.both(&["go", "search-v2", "--to", "10"]);
    told.both(&["go", "dark-mode"]);
    told.note("With flags that require it.");
    told.both(&["go", "search-v2", "--to", "50", "--dry-run"]);
    told.note("No terminal.");
    told.both(&["go", "new-checkout", "--to", "12.5", "--env", "prod"]);
    told.check("go-used-wrongly");
}

#[test]
fn go_where_machines_say_no() {
    let server = Server::new(Reply::ok("Welcome"));
    let address = server.address().to_owned();
    let folder = gated(&address, "", "{ contains = \"Welcome\", max_ms = 300 }");
    let before = folder.read("flags.toml");
    let gone = nobody();
    let mut told = Transcript::new(&folder);
    told.replace(&address, "127.0.0.1:PORT");
    told.replace(&gone, "127.0.0.1:NOBODY");
    for (note, reply) in [
        ("Another status.", Reply::Says(500, "Welcome".to_owned())),
        ("Another text.", Reply::ok("Sorry")),
        ("Slow.", Reply::Dawdles),
        ("Cut off.", Reply::BreaksOff),
    ] {
        told.note(note);
        server.set(reply);
        told.both(&["go", "pay"]);
    }
    told.note("Nobody there.");
    folder.write("flags.toml", &before.replace(&address, &gone));
    told.both(&["go", "pay"]);
    told.note("A build that never serves the release.");
    server.set(Reply::ok("Welcome, release-6"));
    let build = "checks = []\nbuild = { url = \"http://ADDRESS/\", expect = \"release-7\", consecutive = 2, within = \"500ms\" }\n";
    let waits = before.replace("checks = [\"home\"]\n", &build.replace("ADDRESS", &address));
    folder.write("flags.toml", &waits);
    told.both(&["go", "pay"]);
    told.note("A build that is down.");
    folder.write("flags.toml", &waits.replace(&address, &gone));
    told.both(&["go", "pay"]);
    assert_eq!(folder.log(), "", "nothing was done, and nothing is logged");
    told.check("go-refused");
}

#[test]
fn go_where_a_human_says_no() {
    let server = Server::new(Reply::ok("Welcome"));
    let address = server.address().to_owned();
    let gate = format!("look = [\"http://{address}/checkout\"]\n");
    let folder = gated(&address, &gate, "{ contains = \"Welcome\" }");
    let before = folder.read("flags.toml");
    let mut told = Transcript::new(&folder);
    told.replace(&address, "127.0.0.1:PORT");
    for wrong in ["yes", "Pay", ""] {
        told.at_terminal(&["go", "pay", "--to", "10"], |terminal| {
            terminal.wait_for("to let it be seen: ");
            terminal.answer(wrong);
        });
    }
    told.note("The end of the input.");
    told.at_terminal(&["go", "pay", "--to", "10"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.press(4);
    });
    assert_eq!((folder.read("flags.toml"), folder.log()), (before.clone(), String::new()), "nothing was written");
    told.note("A last look that is no yes.");
    told.at_terminal(&["go", "pay", "--to", "10"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.answer("pay");
        terminal.wait_for("to keep it: ");
        terminal.answer("y");
    });
    assert_eq!(folder.read("flags.toml"), before, "to the letter");
    told.note("As JSON, at a terminal: the conversation is on standard error.");
    told.at_terminal(&["--json", "go", "pay", "--to", "10"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.answer("pay");
        terminal.wait_for("to keep it: ");
        terminal.press(4);
    });
    assert_eq!(folder.read("flags.toml"), before, "to the letter");
    told.both(&["log"]);
    told.both(&["log", "--verify"]);
    told.check("go-said-no");
}

#[test]
fn go_where_a_check_fails_after_the_change() {
    for (name, on_failure) in [("revert", "revert"), ("report", "report")] {
        let server = Server::new(Reply::ok("Welcome"));
        let address = server.address().to_owned();
        let folder = gated(&address, &format!("on_failure = \"{on_failure}\"\n"), "{ contains = \"Welcome\" }");
        let before = folder.read("flags.toml");
        let mut told = Transcript::new(&folder);
        told.replace(&address, "127.0.0.1:PORT");
        told.at_terminal(&["go", "pay", "--to", "10"], |terminal| {
            terminal.wait_for("to let it be seen: ");
            server.set(Reply::Says(500, "Welcome".to_owned()));
            terminal.answer("pay");
        });
        if on_failure == "revert" {
            assert_eq!(folder.read("flags.toml"), before, "to the letter");
        }
        told.file("flags.toml");
        told.both(&["log"]);
        told.both(&["log", "--verify"]);
        told.check(&format!("go-fails-after-{name}"));
    }
}

#[test]
fn go_in_an_environment() {
    let folder = shop();
    let mut told = Transcript::new(&folder);
    told.both(&["go", "new-checkout", "--env", "prod", "--to", "10", "--dry-run"]);
    assert!(!folder.path("flags.prod.toml").exists(), "a dry run writes nothing");
    told.at_terminal(&["go", "new-checkout", "--env", "prod", "--to", "10", "--reason", "the tenth"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.answer("new-checkout");
    });
    assert_eq!(folder.read("flags.toml"), FLAGS, "what declares stays as it is");
    told.file("flags.prod.toml");
    told.text(&["show", "new-checkout"]);
    told.text(&["log"]);
    told.text(&["log", "--verify"]);
    told.both(&["go", "beta-ui", "--env", "prod", "--to", "10", "--dry-run"]);
    told.text(&["revert", "new-checkout", "--env", "prod", "--dry-run"]);
    told.json(&["revert", "new-checkout", "--env", "prod"]);
    told.file("flags.prod.toml");
    told.text(&["check"]);
    told.check("go-in-an-environment");
}

#[test]
fn revert() {
    let folder = shop();
    folder.write("flags.toml", &FLAGS.replace("[flags.beta-ui]\non = true", "[flags.beta-ui]\non = false"));
    let mut told = Transcript::new(&folder);
    let before = folder.all();
    told.both(&["revert", "dark-mode", "--dry-run"]);
    told.both(&["revert", "--all", "--dry-run"]);
    assert_eq!(changed(&folder, &before), Vec::<String>::new(), "a dry run writes nothing");
    told.text(&["revert", "search-v2", "--to", "5", "--reason", "slow"]);
    told.json(&["revert", "dark-mode"]);
    told.both(&["revert", "dark-mode"]);
    told.note("No way back, no flag, no percentage.");
    told.both(&["revert", "search-v2", "--to", "50"]);
    told.both(&["revert", "dark-mod"]);
    told.text(&["revert"]);
    told.text(&["revert", "dark-mode", "--all"]);
    told.text(&["revert", "dark-mode", "--to", "-1"]);
    told.both(&["revert", "x", "--file", "nowhere.toml"]);
    told.both(&["revert", "--all", "--file", "nowhere.toml"]);
    told.note("Everything.");
    told.text(&["revert", "--all", "--reason", "a fire"]);
    told.both(&["revert", "--all"]);
    told.file("flags.toml");
    told.both(&["log"]);
    told.text(&["log", "--verify"]);
    told.check("revert");
}

#[test]
fn revert_of_a_file_that_does_not_parse() {
    let folder = Folder::with("flags.toml", BROKEN);
    let mut told = Transcript::new(&folder);
    let before = folder.all();
    told.both(&["revert", "a"]);
    told.both(&["revert", "--all", "--dry-run"]);
    assert_eq!(changed(&folder, &before), Vec::<String>::new(), "a dry run writes nothing");
    let ran = folder.run(&["revert", "--all"]);
    let kept = ran.out.split("is kept as ").nth(1).expect("it is kept").trim().to_owned();
    told.replace(&kept, "flags.toml.broken-WHEN");
    told.shown("flagkit revert --all", &ran.out, &ran.err, ran.code);
    assert_eq!(folder.read(&kept), BROKEN, "byte by byte");
    told.file("flags.toml");
    told.text(&["log"]);
    told.text(&["log", "--verify"]);
    told.text(&["list"]);
    told.check("revert-of-a-broken-file");
}

#[test]
fn log() {
    let folder = shop();
    let mut told = Transcript::new(&folder);
    told.both(&["log"]);
    told.both(&["log", "--verify"]);
    for to in ["80", "50", "20"] {
        assert_eq!(folder.run(&["revert", "dark-mode", "--to", to]).code, 0);
    }
    assert_eq!(folder.run(&["revert", "search-v2", "--reason", "slow"]).code, 0);
    told.both(&["log"]);
    told.text(&["log", "search-v2"]);
    told.text(&["log", "new-checkout"]);
    told.both(&["log", "dark-mod"]);
    told.both(&["log", "--verify"]);
    let log = folder.log();
    let lines: Vec<&str> = log.split_inclusive('\n').collect();
    for (note, text) in [
        ("Edited.", log.replacen("\"to\":\"80%\"", "\"to\":\"70%\"", 1)),
        ("An entry in the middle is gone.", [lines[0], lines[2], lines[3]].concat()),
        ("The end is gone.", lines[..2].concat()),
        ("The end breaks off.", log[..log.len() - 20].to_owned()),
        ("Nothing that is an entry.", "nonsense\n".to_owned() + &log),
        ("Merged from branches, in another order.", [lines[3], lines[0], lines[1], lines[2]].concat()),
    ] {
        told.note(note);
        folder.write(".flagkit/log.jsonl", &text);
        told.both(&["log", "--verify"]);
    }
    told.note("The file was changed by hand.");
    folder.write(".flagkit/log.jsonl", &log);
    folder.write("flags.toml", FLAGS);
    told.both(&["log", "--verify"]);
    told.both(&["log", "--verify", "search-v2"]);
    told.note("The file is gone, or broken.");
    folder.write("flags.toml", BROKEN);
    told.both(&["log", "--verify"]);
    folder.remove("flags.toml");
    told.both(&["log", "--verify"]);
    told.text(&["log", "search-v2"]);
    told.check("log");
}

#[test]
fn help_completions_and_man() {
    let folder = shop();
    let mut told = Transcript::new(&folder);
    told.text(&["--help"]);
    told.text(&["go", "--help"]);
    told.text(&["revert", "--help"]);
    told.text(&["eval", "--help"]);
    told.text(&[]);
    told.text(&["completions", "tcsh"]);
    told.check("help");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = folder.run(&["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        if ["bash", "zsh", "fish"].contains(&shell) {
            assert!(ran.out.contains("search-v2") && ran.out.contains("dark-mode"), "{shell} knows the flags");
        }
        let ran = folder.run(&["--json", "completions", shell]);
        assert!(ran.out.starts_with("{\"data\":{\"script\":"), "{shell}: {}", ran.out);
    }
    let mut told = Transcript::new(&folder);
    told.text(&["completions", "bash"]);
    told.check("completions-bash");
    let mut told = Transcript::new(&folder);
    told.text(&["man"]);
    told.check("man");
    let page = folder.run(&["man"]).out;
    for verb in ["init", "new", "list", "show", "eval", "explain", "diff", "watch", "check", "go", "revert", "log"] {
        assert!(page.contains(verb), "{verb} is in the manual");
    }
}

#[test]
fn a_folder_that_cannot_be_written() {
    let mut folder = shop();
    folder.let_nobody_write();
    let before = folder.all();
    let mut told = Transcript::new(&folder);
    told.both(&["new", "gift-finder"]);
    told.both(&["init", "--file", "more.toml"]);
    told.both(&["go", "new-checkout"]);
    told.both(&["revert", "dark-mode"]);
    told.both(&["revert", "--all"]);
    told.text(&["list"]);
    told.text(&["check"]);
    told.text(&["log"]);
    assert_eq!(changed(&folder, &before), Vec::<String>::new());
    told.check("read-only");
    folder.let_all_write();
}

#[test]
fn colours_are_for_terminals() {
    let folder = shop();
    let at = |environment: &[(&str, &str)]| folder.terminal_with(&["list"], environment).end().1;
    let coloured = at(&[]);
    assert!(coloured.contains('\u{1b}'), "{coloured:?}");
    let plain = at(&[("NO_COLOR", "1")]);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    assert_eq!(folder.run(&["list"]).out, plain, "the same words in a pipe");
}
