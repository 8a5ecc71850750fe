//! The work of a user from start to end: declare a flag, use it in code, check it, release it to a tenth of a running
//! shop, fail at a half, and turn the flag off.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Folder, Storefront};

/// A visitor that sees the flag at 50%, but not at 10%.
fn between_a_tenth_and_a_half(folder: &Folder) -> String {
    let sees = |percent: u32| {
        let name = format!("{percent}.toml");
        folder.write(&name, &format!("[flags.search-v2]\non = true\nrollout = {percent}\n"));
        let requests: Vec<String> =
            (0..100).map(|n| format!("{{\"flag\":\"search-v2\",\"id\":\"user-{n}\"}}")).collect();
        let ran = folder.run_with(&["eval", "--stdin", "--source", &format!("file:{name}")], &requests.join("\n"));
        assert_eq!(ran.code, 0, "{ran:?}");
        folder.remove(&name);
        ran.out.lines().map(|line| line.contains("\"on\":true")).collect::<Vec<_>>()
    };
    let (tenth, half) = (sees(10), sees(50));
    let found = (0..100).find(|n| half[*n] && !tenth[*n]).expect("there is one");
    format!("user-{found}")
}

/// Builds the code as a crate, offline.
fn build(folder: &Folder) -> Result<(), String> {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flagkit-core");
    let dependency = format!("flagkit-core = {{ path = '{}' }}", core.display());
    folder.write(
        "Cargo.toml",
        &format!("[workspace]\n[package]\nname = \"shop\"\nedition = \"2024\"\n[dependencies]\n{dependency}\n"),
    );
    fs::copy(core.join("../Cargo.lock"), folder.path("Cargo.lock")).expect("a file");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(folder.root()).args(["check", "--offline", "--quiet", "--color", "never"]);
    command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("walk")).env_remove("FLAGKIT_MANIFEST");
    let output = command.output().expect("cargo runs");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Creates a flag file, declares a flag, and writes the code that reads it.
fn declared_and_used() -> Folder {
    let folder = Folder::new();
    assert_eq!(folder.run(&["init"]).code, 0);
    let ran = folder.run(&[
        "new",
        "search-v2",
        "--description",
        "Search by meaning",
        "--owner",
        "search@example.com",
        "--kind",
        "release",
        "--expires",
        "2999-01-01",
    ]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let line = "if flag!(\"search-v2\") { }";
    assert!(ran.out.contains(line), "the line to paste: {ran:?}");

    // First declared and unused, then used and undeclared, then both.
    let ran = folder.run(&["check"]);
    assert!(ran.code == 1 && ran.out.contains("[unused] search-v2"), "{ran:?}");
    let code = |line: &str| format!("use flagkit_core::flag;\nfn main() {{\n    {line}\n}}\n");
    folder.write("src/main.rs", &code(&line.replace("search-v2", "serach-v2")));
    let ran = folder.run(&["check"]);
    assert!(ran.code == 1 && ran.out.contains("did you mean `search-v2`?"), "{ran:?}");
    let error = build(&folder).expect_err("a misspelled key does not build");
    assert!(error.contains("src/main.rs:3:14") && error.contains("did you mean `search-v2`?"), "{error}");
    folder.write("src/main.rs", &code(line));
    let ran = folder.run(&["check"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "0 errors, 0 warnings\n"));
    build(&folder).expect("it builds");
    folder
}

/// Adds a gate to the flag file. Its checks read a page, and require that `visitor` keeps the old search.
fn add_gate(folder: &Folder, address: &str, visitor: &str) -> String {
    let gate = format!(
        "
# The requirements of every flag.
[defaults]
gate = \"standard\"    # for all

[gate.standard]
checks = [\"home\", \"careful\"]
ramp = [10, 50, 100]
look = [\"http://{address}/?user=user-1\"]   # by eye

[check.home]
url = \"http://{address}/\"
expect = {{ status = 200, contains = \"Storefront\", max_ms = 10000 }}
[check.careful]    # a visitor that must not lose it
url = \"http://{address}/?user={visitor}\"
expect = {{ contains = \"<h2>Search</h2>\" }}
"
    );
    let text = folder.read("flags.toml") + &gate;
    folder.write("flags.toml", &text);
    text
}

#[test]
fn a_flag_is_released_and_turned_off_again() {
    let folder = declared_and_used();

    // The shop runs with the flag off.
    let shop = Storefront::start(&folder.path("flags.toml"));
    let visitor = between_a_tenth_and_a_half(&folder);
    let off = add_gate(&folder, &shop.address, &visitor);
    assert_eq!(shop.seen_by(200), 0, "merged, but off");
    assert_eq!(folder.run(&["check"]).code, 0);

    let (tenth, seen) = release_to_a_tenth(&folder, &shop, &off);
    fail_at_a_half(&folder, &shop, &visitor, &tenth);
    assert_eq!(shop.seen_by(1000), seen, "the same visitors");
    turn_off(&folder, &shop, &tenth);

    let comments =
        |text: &str| text.lines().filter_map(|line| line.find('#').map(|at| line[at..].to_owned())).collect();
    let (before, after): (Vec<String>, Vec<String>) = (comments(&off), comments(&folder.read("flags.toml")));
    assert_eq!(before, after);
    check_log(&folder);
    assert!(fs::read_dir(folder.root()).expect("a folder").flatten().all(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        [".flagkit", "Cargo.lock", "Cargo.toml", "flags.toml", "src"].contains(&name.as_str())
    }));
}

/// Releases the flag to 10%. Returns the new text of the file, and the number of 1000 visitors that see the flag.
fn release_to_a_tenth(folder: &Folder, shop: &Storefront, off: &str) -> (String, usize) {
    // Without a person, nothing happens.
    let ran = folder.run(&["go", "search-v2", "--to", "10"]);
    assert!(ran.code == 4 && ran.err.contains("flagkit go search-v2 --to 10"), "{ran:?}");
    assert_eq!(folder.read("flags.toml"), off);

    let mut terminal = folder.terminal(&["go", "search-v2", "--to", "10"]);
    terminal.wait_for("Type search-v2 to let it be seen: ");
    assert!(terminal.shown().contains("10% of all subjects will see it"), "{}", terminal.shown());
    assert_eq!(shop.seen_by(50), 0, "not before the confirmation");
    terminal.answer("search-v2");
    terminal.wait_for("Type yes to keep it: ");
    assert!(terminal.shown().contains(&format!("http://{}/?user=user-1", shop.address)));
    terminal.answer("yes");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("to undo: flagkit revert search-v2"), "{shown}");
    let tenth = off.replace("[flags.search-v2]\non = false\n", "[flags.search-v2]\non = true\nrollout = 10\n");
    assert_ne!(tenth, off);
    assert_eq!(folder.read("flags.toml"), tenth, "and no other byte changed");
    shop.wait_until("a tenth sees it", |shop| shop.seen_by(50) > 0);
    let seen = shop.seen_by(1000);
    assert!((60..150).contains(&seen), "about a tenth of 1000 visitors, not {seen}");
    (tenth, seen)
}

/// Releases the flag to 50%. A check fails after the change, so the change is undone.
fn fail_at_a_half(folder: &Folder, shop: &Storefront, visitor: &str, tenth: &str) {
    let mut terminal = folder.terminal(&["go", "search-v2"]);
    terminal.wait_for("Type search-v2 to let it be seen: ");
    assert!(terminal.shown().contains("50% of all subjects will see it, up from 10%"), "{}", terminal.shown());
    terminal.answer("search-v2");
    let (code, shown) = terminal.end();
    assert_eq!(code, 3, "{shown}");
    assert!(
        shown.contains("search-v2 is 10% again") && shown.contains("careful: no \"<h2>Search</h2>\" in the body"),
        "{shown}"
    );
    assert_eq!(folder.read("flags.toml"), tenth, "byte for byte");
    shop.wait_until("a tenth sees it again", |shop| !shop.has_new_search(visitor));
}

fn turn_off(folder: &Folder, shop: &Storefront, tenth: &str) {
    let ran = folder.run(&["revert", "search-v2", "--reason", "enough seen"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "turned search-v2 from 10% to off\n"));
    shop.wait_until("no visitor sees it", |shop| shop.seen_by(50) == 0);
    assert_eq!(shop.seen_by(200), 0);
    let off = tenth.replace("on = true\nrollout = 10\n", "on = false\nrollout = 10\n");
    assert_eq!(folder.read("flags.toml"), off);
}

/// Checks that the log has every step, and that it is valid.
fn check_log(folder: &Folder) {
    let steps: Vec<String> = folder
        .entries()
        .iter()
        .map(|entry| format!("{} {} {}", entry["verb"], entry["from"], entry["to"]).replace('"', ""))
        .collect();
    assert_eq!(steps, ["go off 10%", "go 10% 50%", "revert 50% 10%", "revert 10% off"]);
    let ran = folder.run(&["log", "--verify"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}
