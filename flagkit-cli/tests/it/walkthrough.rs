//! As a person would: begin, declare, write code, check, release to a tenth of a running shop, be taken back, turn dark.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::support::{DEADLINE, Folder};

/// The example as a process of its own.
struct Storefront {
    child: Child,
    address: String,
}

impl Storefront {
    fn start(flags: &Path) -> Self {
        let mut child = Command::new(program())
            .args(["--port", "0", "--flags"])
            .arg(flags)
            .env_remove("FLAG_SEARCH_V2")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("the example says its address");
        let address =
            line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").to_owned();
        // The rest is read so that the example never waits for its pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { child, address }
    }

    fn has_new_search(&self, user: &str) -> bool {
        let mut stream = TcpStream::connect(&self.address).expect("the example listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out can be set");
        write!(stream, "GET /?user={user} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer in UTF-8");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer.contains("Search by meaning")
    }

    /// How many of so many visitors see it.
    fn seen_by(&self, visitors: usize) -> usize {
        (0..visitors).filter(|n| self.has_new_search(&format!("user-{n}"))).count()
    }

    fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !condition(self) {
            assert!(begin.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
        }
    }
}

impl Drop for Storefront {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The example, which Cargo builds before a test of its own package only.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.parent().and_then(Path::parent).expect("target/debug/deps").to_owned();
    let program = profile.join("examples").join(format!("storefront{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "-p", "flagkit-examples", "--example", "storefront", "--target-dir"]);
        build.arg(profile.parent().expect("target")).current_dir(env!("CARGO_MANIFEST_DIR"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("Cargo runs").success(), "the storefront is built");
    }
    program
}

/// A visitor whom half of all reaches, and a tenth does not.
fn between_a_tenth_and_a_half(folder: &Folder) -> String {
    let sees = |percent: u32| {
        let name = format!("{percent}.toml");
        folder.write(&name, &format!("[flags.search-v2]\non = true\nrollout = {percent}\n"));
        let questions: Vec<String> =
            (0..100).map(|n| format!("{{\"flag\":\"search-v2\",\"id\":\"user-{n}\"}}")).collect();
        let ran = folder.run_with(&["eval", "--stdin", "--source", &format!("file:{name}")], &questions.join("\n"));
        assert_eq!(ran.code, 0, "{ran:?}");
        folder.remove(&name);
        ran.out.lines().map(|line| line.contains("\"on\":true")).collect::<Vec<_>>()
    };
    let (tenth, half) = (sees(10), sees(50));
    let found = (0..100).find(|n| half[*n] && !tenth[*n]).expect("there is one");
    format!("user-{found}")
}

/// Builds the code as a crate, from what is on this machine already.
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

/// Begins, declares a flag, and writes the code that asks for it.
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

    // Declared and not used; used and not declared; both.
    let ran = folder.run(&["check"]);
    assert!(ran.code == 1 && ran.out.contains("[unused] search-v2"), "{ran:?}");
    let code = |line: &str| format!("use flagkit_core::flag;\nfn main() {{\n    {line}\n}}\n");
    folder.write("src/main.rs", &code(&line.replace("search-v2", "serach-v2")));
    let ran = folder.run(&["check"]);
    assert!(ran.code == 1 && ran.out.contains("did you mean `search-v2`?"), "{ran:?}");
    let error = build(&folder).expect_err("a key with a slip in it does not build");
    assert!(error.contains("src/main.rs:3:14") && error.contains("did you mean `search-v2`?"), "{error}");
    folder.write("src/main.rs", &code(line));
    let ran = folder.run(&["check"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "0 errors, 0 warnings\n"));
    build(&folder).expect("it builds");
    folder
}

#[test]
fn a_flag_goes_live_and_dark_again() {
    let folder = declared_and_used();

    // The shop is deployed, dark. Its gate asks it for a page, and that a certain visitor keeps the old search.
    let shop = Storefront::start(&folder.path("flags.toml"));
    let visitor = between_a_tenth_and_a_half(&folder);
    let gate = format!(
        "
# Nobody widens without these.
[defaults]
gate = \"standard\"    # for all

[gate.standard]
checks = [\"home\", \"careful\"]
ramp = [10, 50, 100]
look = [\"http://{0}/?user=user-1\"]   # by eye

[check.home]
url = \"http://{0}/\"
expect = {{ status = 200, contains = \"Storefront\", max_ms = 10000 }}
[check.careful]    # a visitor who must not lose it
url = \"http://{0}/?user={visitor}\"
expect = {{ contains = \"<h2>Search</h2>\" }}
",
        shop.address
    );
    let dark = folder.read("flags.toml") + &gate;
    folder.write("flags.toml", &dark);
    assert_eq!(shop.seen_by(200), 0, "merged, and dark");
    assert_eq!(folder.run(&["check"]).code, 0);

    // Without a human nothing happens.
    let ran = folder.run(&["go", "search-v2", "--to", "10"]);
    assert!(ran.code == 4 && ran.err.contains("flagkit go search-v2 --to 10"), "{ran:?}");
    assert_eq!(folder.read("flags.toml"), dark);

    // To a tenth.
    let mut terminal = folder.terminal(&["go", "search-v2", "--to", "10"]);
    terminal.wait_for("Type search-v2 to let it be seen: ");
    assert!(terminal.shown().contains("10% of all subjects see it"), "{}", terminal.shown());
    assert_eq!(shop.seen_by(50), 0, "not before a human says so");
    terminal.answer("search-v2");
    terminal.wait_for("Type yes to keep it: ");
    assert!(terminal.shown().contains(&format!("http://{}/?user=user-1", shop.address)));
    terminal.answer("yes");
    let (code, shown) = terminal.end();
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("to undo: flagkit revert search-v2"), "{shown}");
    let tenth = dark.replace("[flags.search-v2]\non = false\n", "[flags.search-v2]\non = true\nrollout = 10\n");
    assert_ne!(tenth, dark);
    assert_eq!(folder.read("flags.toml"), tenth, "and not a byte beside");
    shop.wait_until("a tenth sees it", |shop| shop.seen_by(50) > 0);
    let seen = shop.seen_by(1000);
    assert!((60..150).contains(&seen), "about a tenth of 1000 visitors, not {seen}");

    // To a half: a check fails once it is live, and it is taken back.
    let mut terminal = folder.terminal(&["go", "search-v2"]);
    terminal.wait_for("Type search-v2 to let it be seen: ");
    assert!(terminal.shown().contains("50% of all subjects see it in place of 10%"), "{}", terminal.shown());
    terminal.answer("search-v2");
    let (code, shown) = terminal.end();
    assert_eq!(code, 3, "{shown}");
    assert!(
        shown.contains("search-v2 is 10% again") && shown.contains("careful: without \"<h2>Search</h2>\""),
        "{shown}"
    );
    assert_eq!(folder.read("flags.toml"), tenth, "to the letter");
    shop.wait_until("a tenth sees it again", |shop| !shop.has_new_search(&visitor));
    assert_eq!(shop.seen_by(1000), seen, "the same ones");

    // Dark again, at once.
    let ran = folder.run(&["revert", "search-v2", "--reason", "enough seen"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "turned search-v2 from 10% to off\n"));
    shop.wait_until("it is dark again", |shop| shop.seen_by(50) == 0);
    assert_eq!(shop.seen_by(200), 0);
    let after = folder.read("flags.toml");
    assert_eq!(after, tenth.replace("on = true\nrollout = 10\n", "on = false\nrollout = 10\n"));
    let comments =
        |text: &str| text.lines().filter_map(|line| line.find('#').map(|at| line[at..].to_owned())).collect();
    let (before, after): (Vec<String>, Vec<String>) = (comments(&dark), comments(&after));
    assert_eq!(before, after);

    // The log tells it all, and holds together.
    let steps: Vec<String> = folder
        .entries()
        .iter()
        .map(|entry| format!("{} {} {}", entry["verb"], entry["from"], entry["to"]).replace('"', ""))
        .collect();
    assert_eq!(steps, ["go off 10%", "go 10% 50%", "revert 50% 10%", "revert 10% off"]);
    let ran = folder.run(&["log", "--verify"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(fs::read_dir(folder.root()).expect("a folder").flatten().all(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        [".flagkit", "Cargo.lock", "Cargo.toml", "flags.toml", "src"].contains(&name.as_str())
    }));
}
