//! `revert` in environments, in JSON, through links, of flags with rules, and of many flags.

mod attributes;
mod concurrent;
mod lost_text;
mod nearest;
mod special_files;
mod spellings;
mod unknown_states;

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use crate::support::Folder;

#[test]
fn an_environment_without_a_file_gets_one() {
    let folder = Folder::with("flags.toml", "[flags]\na = true\nb = false\n");
    let ran = folder.run(&["revert", "b", "--env", "prod"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "b is already off; flags.prod.toml now says so\n"), "{ran:?}");
    assert_eq!(folder.read("flags.prod.toml"), "[flags]\nb = false\n", "programs may keep a file that was removed");
    let ran = folder.run(&["revert", "b", "--env", "prod"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "b is already off\n"), "{ran:?}");
    let ran = folder.run(&["revert", "a", "--env", "prod"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "turned a from on to off\n"), "{ran:?}");
    assert_eq!(folder.read("flags.prod.toml"), "[flags]\na = false\nb = false\n");
    assert_eq!(folder.run(&["revert", "--all", "--env", "test"]).code, 0);
    assert_eq!(folder.read("flags.test.toml"), "[flags]\na = false\nb = false\n");
    let entries = folder.entries();
    let logged: Vec<_> = entries.iter().map(|entry| (&entry["flag"], &entry["from"], &entry["file"])).collect();
    assert_eq!(logged.len(), 2, "{logged:?}");
    assert_eq!(logged[1], (&"a".into(), &"on".into(), &"flags.test.toml".into()));
    assert_eq!(folder.run(&["log", "--verify"]).code, 0);
}

#[test]
fn json_files_work_like_toml_files() {
    let text = "{\n  \"defaults\": {\"gate\": \"standard\"},\n  \"gate\": {\"standard\": {\"ramp\": [10, 100]}},\n  \
                \"flags\": {\"a\": true, \"b\": {\"on\": true, \"owner\": \"me\"}}\n}\n";
    let folder = Folder::with("flags.json", text);
    let run = |arguments: &[&str]| folder.run(&[arguments, &["--file", "flags.json"]].concat());
    assert_eq!(run(&["revert", "b", "--to", "10"]).code, 0);
    let ten = text.replace("{\"on\": true,", "{\"rollout\": 10, \"on\": true,");
    assert_eq!(folder.read("flags.json"), ten);
    let ran = run(&["go", "b", "--dry-run"]);
    assert!(ran.code == 0 && ran.out.contains("b  10% -> on  in flags.json"), "{ran:?}");
    let mut terminal = folder.terminal(&["go", "b", "--file", "flags.json"]);
    terminal.wait_for("to let it be seen: ");
    terminal.answer("b");
    assert_eq!(terminal.end().0, 0);
    assert_eq!(folder.read("flags.json"), ten.replace("10, \"on\"", "100, \"on\""));
    assert_eq!(run(&["new", "search", "--owner", "you"]).code, 0);
    let ran = run(&["check"]);
    assert!(ran.out.contains("flags.json:4:13: error [unused] search"), "{ran:?}");
    assert_eq!(run(&["revert", "--all"]).code, 0);
    let off = folder.read("flags.json");
    assert!(off.contains("\"a\": false") && !off.contains("true"), "{off}");
    assert!(off.starts_with("{\n  \"defaults\": {\"gate\": \"standard\"},\n"), "{off}");
    assert_eq!(run(&["log", "--verify"]).code, 0);

    folder.write("flags.json", "{\"flags\": {\"a\": true, \"b\": {\"on\": tr");
    assert_eq!(run(&["revert", "--all"]).code, 0);
    assert_eq!(folder.read("flags.json"), "{\n  \"flags\": {\n    \"a\": false,\n    \"b\": false\n  }\n}\n");
}

#[test]
fn a_link_stays_a_link() {
    let folder = Folder::with("shared/real.toml", "[flags]\na = true\n");
    symlink("shared/real.toml", folder.path("flags.toml")).expect("a link");
    assert_eq!(folder.run(&["revert", "a"]).code, 0);
    assert!(folder.path("flags.toml").is_symlink(), "it is still a link");
    assert_eq!(folder.read("shared/real.toml"), "[flags]\na = false\n");
}

#[test]
fn flags_with_rules_can_be_narrowed_to_their_rules() {
    let text = "[flags.beta]\non = true\nrollout = 0\n[[flags.beta.rules]]\nsubjects = [\"u1\"]\n";
    let folder = Folder::with("flags.toml", text);
    let ran = folder.run(&["go", "beta", "--to", "0"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "beta is already 0%\n"), "{ran:?}");
    let ran = folder.run(&["revert", "beta"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "turned beta from 0% to off\n"), "{ran:?}");
    assert_eq!(folder.read("flags.toml"), text.replace("true", "false"));
    let ran = folder.run(&["go", "beta", "--to", "0", "--dry-run"]);
    assert!(ran.out.contains("Only subjects that a rule includes will see it.\nNo one sees it now."), "{ran:?}");
    folder.write("flags.toml", &text.replace("rollout = 0", "rollout = 50"));
    let ran = folder.run(&["revert", "beta", "--to", "0"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.contains("subjects that a rule includes still see it; `flagkit revert beta` turns it off"),
        "{ran:?}"
    );
    let ran = folder.run(&["revert", "--all"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "turned beta from 0% to off\n"), "{ran:?}");
    let ran = folder.run(&["revert", "beta", "--to", "50"]);
    assert!(ran.code == 7 && ran.err.contains("would widen beta"), "{ran:?}");
    assert_eq!(folder.run(&["log", "--verify"]).code, 0);
}

#[test]
fn many_flags_are_reverted_quickly() {
    let mut text = String::from("# all\n[flags]\n");
    for n in 0..50_000 {
        let _ = writeln!(text, "f{n} = true # {n}");
    }
    let folder = Folder::with("flags.toml", &text);
    let begin = Instant::now();
    assert_eq!(folder.run(&["revert", "--all", "--reason", "a fire"]).code, 0);
    // With quadratic time, it would take hours.
    assert!(begin.elapsed() < Duration::from_secs(120), "{:?}", begin.elapsed());
    assert_eq!(folder.read("flags.toml"), text.replace("true", "false"));
    assert_eq!(folder.entries().len(), 50_000);
}

#[test]
fn temporary_files_of_killed_runs_are_removed() {
    let folder = Folder::with("flags.toml", "[flags]\na = true\n");
    folder.write(".flagkit-write-Ab12yz", "half of something");
    folder.write(".flagkit-write-notes", "a file of a user");
    folder.write(".flagkit-write-Zz98ab", "being written");
    for name in [".flagkit-write-Ab12yz", ".flagkit-write-notes"] {
        let file = std::fs::File::options().append(true).open(folder.path(name)).expect("a file");
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(3600)).expect("a time");
    }
    assert_eq!(folder.run(&["revert", "a"]).code, 0);
    assert!(!folder.path(".flagkit-write-Ab12yz").exists());
    assert!(folder.path(".flagkit-write-notes").exists() && folder.path(".flagkit-write-Zz98ab").exists());
}

#[test]
fn all_flags_of_any_file_can_be_turned_off() {
    for (name, text, off) in [
        ("flags.toml", "", "[flags]\n"),
        ("flags.toml", " # nothing\n", "[flags]\n"),
        ("flags.toml", "[segments]\n", "[flags]\n"),
        ("flags.toml", "[[flags.x]]\non = true\n[flags.y]\non = true\n", "[flags]\nx = false\ny = false\n"),
        ("flags.toml", "[flags.x.on]\na = 1\n", "[flags]\nx = false\n"),
        (
            "flags.toml",
            "[meta]\nflags = 3\n[flags]\nx = true\n\"y.z\" = true\n",
            "[flags]\nx = false\n\"y.z\" = false\n",
        ),
        ("flags.toml", "\u{0}\u{1}[flags]\nx = true\n", "[flags]\nx = false\n"),
        ("flags.json", "{\"flags\":{\"x\":true,}}", "{\n  \"flags\": {\n    \"x\": false\n  }\n}\n"),
        ("flags.json", "{\"flags\":{\"x\":true,\"x\":true}}", "{\n  \"flags\": {\n    \"x\": false\n  }\n}\n"),
        (
            "flags.json",
            "{\"flags\":{\"x\":{\"on\":true,\"rollout\":0x10}}}",
            "{\n  \"flags\": {\n    \"x\": false\n  }\n}\n",
        ),
        ("flags.json", "", "{\n  \"flags\": {}\n}\n"),
    ] {
        let folder = Folder::with(name, text);
        let envelope = folder.json(&["revert", "--all", "--file", name]);
        assert_eq!(envelope["exit"], 0, "{text:?}: {envelope}");
        assert_eq!(folder.read(name), off, "{text:?}");
        let kept = envelope["data"]["kept"].as_str().expect("it is kept").to_owned();
        assert_eq!(folder.read(&kept), text);
        assert_eq!(folder.run(&["list", "--file", name]).code, 0);
    }
}

#[test]
fn all_flags_of_an_environment_can_be_turned_off_above_any_file() {
    let folder = Folder::with("flags.toml", "[flags]\nx = true\nz =\n");
    folder.write("flags.prod.toml", "flags = {y=true}\n");
    assert_eq!(folder.run(&["revert", "--all", "--env", "prod"]).code, 0);
    let text = folder.read("flags.prod.toml");
    assert_eq!(text, "flags = { x = false, z = false,y=false}\n", "what was declared below stays dark");
    let mut many = String::from("[flags]\n");
    for n in 0..20_000 {
        let _ = writeln!(many, "f{n} = true");
    }
    folder.write("flags.toml", &many);
    let begin = Instant::now();
    assert_eq!(folder.run(&["revert", "--all", "--env", "test"]).code, 0);
    // With quadratic time, it would take an hour.
    assert!(begin.elapsed() < Duration::from_secs(120), "{:?}", begin.elapsed());
    assert_eq!(folder.read("flags.test.toml").matches("= false").count(), 20_000);
}

#[test]
fn an_invalid_flag_can_be_turned_off() {
    let folder = Folder::with("flags.toml", "[flags.x]\non = true\nrollout = \"abc\"\n");
    let ran = folder.run(&["revert", "x"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "turned x off; its previous state is unknown\n"), "{ran:?}");
    assert_eq!(folder.read("flags.toml"), "[flags.x]\non = false\nrollout = \"abc\"\n");
    let ran = folder.run(&["revert", "x"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "x is already off\n"), "{ran:?}");
}

#[test]
fn other_environments_with_the_flag_on_are_reported() {
    let folder = Folder::with("flags.toml", "[flags]\nx = true\n");
    folder.write("flags.prod.toml", "[flags]\nx = true\n");
    let report = "1 of these flags is still on in flags.prod.toml; to turn off: flagkit revert";
    let ran = folder.run(&["revert", "x"]);
    assert!(ran.code == 0 && ran.out.contains(&format!("{report} x --env prod")), "{ran:?}");
    let ran = folder.run(&["revert", "--all"]);
    assert!(ran.code == 0 && ran.out.contains(&format!("{report} --all --env prod")), "{ran:?}");
}

#[test]
fn no_other_flag_changes() {
    let text = "[flags.x]\non = true\n[flags.y]\non = true\r\n";
    let folder = Folder::with("flags.toml", text);
    assert_eq!(folder.run(&["revert", "x", "--to", "10"]).code, 0);
    let list = folder.json(&["list"]);
    let states: Vec<_> = list["data"]["flags"].as_array().expect("flags").iter().map(|flag| &flag["state"]).collect();
    assert_eq!(states, ["10%", "on"]);
    folder.write("flags.prod.toml", "[flags.y]\non = false\ndescription = \"\"\"\n[flags]\n\"\"\"\n");
    assert_eq!(folder.run(&["revert", "x", "--env", "prod"]).code, 0);
    assert!(folder.read("flags.prod.toml").ends_with("\"\"\"\n\n[flags]\nx = false\n"));
}
