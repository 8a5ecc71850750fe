//! `check`, in every format and against a base.

use super::{CODE, FLAGS, INVALID, shop};
use crate::support::{Folder, Transcript};

#[test]
fn check() {
    let folder = shop();
    let mut transcript = Transcript::new(&folder);
    transcript.both(&["check"]);
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(7 * 24)).strftime("%F").to_string();
    transcript.replace(&soon, "IN-A-WEEK");
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
    transcript.both(&["check"]);
    for format in ["human", "github"] {
        transcript.text(&["check", "--format", format]);
    }
    for format in ["json", "sarif"] {
        let ran = folder.run(&["check", "--format", format]);
        let value: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
        let pretty = serde_json::to_string_pretty(&value).expect("JSON");
        transcript.shown(&format!("flagkit check --format {format}"), &pretty, &ran.err, ran.code);
    }
    transcript.text(&["check", "--format", "xml"]);
    transcript.check("check");
}

#[test]
fn check_of_invalid_files() {
    let folder = Folder::with("flags.toml", INVALID);
    let mut transcript = Transcript::new(&folder);
    transcript.both(&["check"]);
    transcript.both(&["check", "--file", "nowhere.toml"]);
    transcript.note("Invalid gates.");
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
        transcript.both(&["check", "--file", &name]);
    }
    transcript.check("check-invalid-files");
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
    let mut transcript = Transcript::new(&folder);
    let against = ["check", "--base", "HEAD"];
    transcript.note("Nothing changed.");
    transcript.both(&against);
    transcript.note("Wider, without a `go`.");
    let wide = start.replace("dark-mode = false", "dark-mode = \"10%\"");
    folder.write("flags.toml", &wide);
    transcript.both(&against);
    transcript.note("The same, with a weaker gate in the same change.");
    folder.write("flags.toml", &wide.replace("soak = \"1h\"\n", "").replace("[10, 100]", "[50, 100]"));
    transcript.both(&against);
    transcript.text(&["check", "--base", "HEAD", "--format", "github"]);
    transcript.note("A change of only the gate may weaken it.");
    folder.write("flags.toml", &start.replace("soak = \"1h\"\n", ""));
    transcript.both(&against);
    transcript.note("Narrowing is free.");
    folder.write("flags.toml", &start.replace("rollout = 25", "rollout = 5"));
    transcript.both(&against);
    transcript.note("Wider, with the confirmation of a person.");
    folder.write("flags.toml", &start);
    transcript.at_terminal(&["go", "dark-mode"], |terminal| {
        terminal.wait_for("to let it be seen: ");
        terminal.answer("dark-mode");
    });
    transcript.both(&against);
    transcript.note("No such revision.");
    transcript.both(&["check", "--base", "nowhere"]);
    transcript.check("check-against-a-base");
}
