//! `check`, in every format and against a base.

use super::{BROKEN, CODE, FLAGS, shop};
use crate::support::{Folder, Transcript};

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
