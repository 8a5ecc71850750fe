//! `revert --all` of an invalid layer: whatever it declared must stay off, in every spelling.
//!
//! A key that the new text omits would get the definition of the layer below, which may be on.

use std::fs;

use crate::support::{Folder, Program};

const BELOW: &str = "[flags]\npay = true\n\"team.beta\" = true\nprobe = false\n";

/// Reverts the upper of two files, and checks that a program never widens a flag.
#[track_caller]
fn check(name: &str, valid: &str, invalid: &[u8]) {
    let folder = Folder::with("below.toml", BELOW);
    folder.write(name, valid);
    let program = Program::start(&folder, &["below.toml", name]);
    assert!(!program.is_on("pay") && !program.is_on("team.beta") && program.is_on("probe"));
    fs::write(folder.path(name), invalid).expect("a file");
    program.wait_for_problem();
    let ran = folder.run(&["--file", name, "revert", "--all"]);
    let shown = String::from_utf8_lossy(invalid);
    assert_eq!(ran.code, 0, "{shown:?}: {ran:?}");
    program.wait_off("probe");
    assert!(program.widened().is_empty(), "{shown:?}: {:?}\n{}", program.widened(), folder.read(name));
    let text = folder.read(name);
    let pay = if name == "over.json" { "\"pay\": false" } else { "pay = false" };
    assert!(text.contains(pay) && text.contains("\"team.beta\""), "{shown:?}: {text}");
}

#[test]
fn toml() {
    let valid = "flags = { pay = false, \"team.beta\" = false, probe = true }\n";
    for invalid in [
        "flags.pay = false\nflags.\"team.beta\" = false\nflags.probe = true\nflags.other = \n",
        "flags . pay = false\nflags .\t'team.beta' . on = false\n flags. probe = true =\n",
        "flags = { pay = false, \"team.beta\" = false, probe = true\n",
        "flags = { pay.on = false, 'team.beta'.on = false, probe.on = true, },\n",
        "flags={\"pay\"=false,\"team.beta\"=false,probe={on=true}\n",
        "[ flags ]\n'pay' = false\n\"team.b\\u0065ta\" = false\nprobe = true true\n",
        "[\"flags\"]\npay = false\n\"team\\u002ebeta\" = false\nprobe = \"25%\n",
        "[flags.pay]\non = false\n[ flags . \"team.beta\" ]\non = false\n['flags'.probe]\non = true\n[flags.probe]\n",
        "[flags]\rpay = false\r\"team.beta\" = false\rprobe = true\r",
        "\u{feff}\u{feff}[flags]\r\npay = false\r\n\"team.beta\" = false\r\nprobe = true\r\n",
        "[flags]\n<<<<<<< HEAD\npay = false\n=======\n\"team.beta\" = false\n>>>>>>> topic\nprobe = true\n",
        "[meta]\nflags = 12\n[flags]\npay = false\n\"team.beta\" = false\nprobe = true\n",
        "[flgs]\npay = false\n\"team.beta\" = false\nprobe = true\n",
        "{\"flags\": {\"pay\": false, \"team.beta\": false, \"probe\": true}}\n",
        "flags:\n  pay: false\n  team.beta: false\n  \"team.beta\": false\n  probe: true\n",
        "[flags]\n# pay = false\n# \"team.beta\" = false\nprobe = true\n]\n",
    ] {
        check("over.toml", valid, invalid.as_bytes());
    }
}

#[test]
fn json() {
    let valid = "{\"flags\": {\"pay\": false, \"team.beta\": false, \"probe\": true}}\n";
    for invalid in [
        "{\"flags\": {\"pay\": false, \"team.beta\": false, \"probe\": true,}}",
        "{\"flags\": {\"pay\": false, \"team.beta\": false, \"probe\": true",
        "{\"flags\": {\"pay\": false \"team.beta\": false \"probe\": true}}",
        "{\"flags\": {\"pay\": {\"on\": false, \"team.beta\": {\"on\": false}, \"probe\": true}}",
        "{'flags': {'pay': false, 'team.beta': false, 'probe': true}}",
        "{\"flags\": {pay: false, \"team.beta\": false, probe: true}}",
        "{\"flags\": // all\n{\"pay\": false, /* \" */ \"team.beta\": false, \"probe\": true}}",
        "{\"flags\": {\"pay\": false, \"pay\": false, \"team.beta\": false, \"probe\": true}}",
        "{\"flags\": {\"\\u0070ay\": false, \"team\\u002Ebeta\": false, \"probe\": tru}}",
        "{\"flgs\": {\"pay\": false, \"team.beta\": false, \"probe\": true}}",
        "<<<<<<< a\n{\"flags\": {\"pay\": false,\n=======\n{\"flags\": {\"team.beta\": false,\n>>>>>>> b\n\"probe\": true}}",
        "[flags]\npay = false\n\"team.beta\" = false\nprobe = true\n",
    ] {
        check("over.json", valid, invalid.as_bytes());
    }
}

#[test]
fn other_encodings() {
    let valid = "[flags]\npay = false\n\"team.beta\" = false\nprobe = true\n";
    let little: Vec<u8> = [0xFF, 0xFE].into_iter().chain(valid.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let big: Vec<u8> = [0xFE, 0xFF].into_iter().chain(valid.encode_utf16().flat_map(u16::to_be_bytes)).collect();
    let latin = [b"# caf\xe9\n", valid.as_bytes()].concat();
    for invalid in [&little[..], &big, &little[2..], &big[2..], &little[..little.len() - 1], &latin] {
        check("over.toml", valid, invalid);
    }
}

#[test]
fn keys_that_the_text_lost_are_those_of_the_log_and_of_the_files_beside_it() {
    let folder = Folder::with("below.toml", BELOW);
    folder.write("over.toml", "[flags]\npay = false\n\"team.beta\" = false\nprobe = true\nlogged = true\n");
    assert_eq!(folder.run(&["--file", "over.toml", "revert", "logged"]).code, 0);
    let program = Program::start(&folder, &["below.toml", "over.toml"]);
    for invalid in ["", "\u{0}\u{0}\u{0}", "<html><body>502 Bad Gateway</body></html>\n"] {
        folder.write("over.toml", invalid);
        program.wait_for_problem();
        let ran = folder.run(&["--file", "over.toml", "revert", "--all"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let text = folder.read("over.toml");
        for line in ["pay = false\n", "\"team.beta\" = false\n", "probe = false\n", "logged = false\n"] {
            assert!(text.contains(line), "{text}");
        }
        program.wait_off("probe");
    }
    assert!(program.widened().is_empty(), "{:?}", program.widened());
}
