//! The program of the README, with the dependencies and the flag file of the README.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::{Page, repository};
use crate::support::Folder;

/// Writes the files of the README, as a new user does. Dependencies are paths, because nothing is downloaded.
pub(super) fn project() -> Folder {
    let readme = Page::read("README.md");
    let mut dependencies = readme.file("Cargo.toml");
    for name in ["flagkit-core", "flagkit-sources"] {
        let path = format!("{name} = {{ path = '{}' }}", repository().join(name).display());
        let replaced = dependencies.replace(&format!("{name} = \"0.1\""), &path);
        assert_ne!(replaced, dependencies, "the README names the version of {name}");
        dependencies = replaced;
    }
    let folder = Folder::new();
    let package = "[workspace]\n[package]\nname = \"shop\"\nedition = \"2024\"\n";
    folder.write("Cargo.toml", &format!("{package}{dependencies}"));
    folder.write("src/main.rs", &readme.file("src/main.rs"));
    folder.write("flags.toml", &readme.file("flags.toml"));
    // The same versions as in the repository.
    fs::copy(repository().join("Cargo.lock"), folder.path("Cargo.lock")).expect("a file");
    folder
}

/// Cargo in the project, with results in a folder that all projects share. `arguments` begin with the subcommand.
pub(super) fn cargo(folder: &Folder, arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(folder.root()).args(arguments).args(["--offline", "--quiet", "--color", "never"]);
    command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("walk"));
    command.env_remove("FLAGKIT_MANIFEST").env_remove("RUST_BACKTRACE").env_remove("FLAG_NEW_CHECKOUT");
    command
}

/// Runs the program, with one environment variable.
fn run(folder: &Folder, variable: Option<(&str, &str)>) -> Output {
    cargo(folder, &["run"]).envs(variable).output().expect("cargo runs")
}

#[track_caller]
fn printed(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && err.is_empty(), "{out}\n{err}");
    out.into_owned()
}

#[test]
fn the_code_and_the_file_of_the_readme_work_together() {
    let folder = project();
    let lines = printed(&run(&folder, None));
    let theme = lines.lines().next().expect("a theme");
    assert!(["control", "blue", "red"].contains(&theme), "{lines}");
    assert!(lines.contains("\nfalse beta-ui is on"), "the user of the README is in the beta: {lines}");
    assert!(lines.contains("requires search-v2: on"), "{lines}");

    // One edited line of the file, and the variable that overrides it.
    let text = folder.read("flags.toml");
    folder.write("flags.toml", &text.replace("new-checkout = false", "new-checkout = true "));
    assert!(printed(&run(&folder, None)).contains("\ntrue beta-ui is on"));
    assert!(printed(&run(&folder, Some(("FLAG_NEW_CHECKOUT", "off")))).contains("\nfalse beta-ui is on"));

    // Every flag is declared, used and valid.
    let checked = folder.run(&["check"]);
    assert!(checked.code == 0 && checked.out.contains("0 errors"), "{checked:?}");
    for key in ["new-checkout", "search-v2", "beta-ui", "theme"] {
        let explained = folder.run(&["explain", key, "--id", "4712", "--attr", "plan=beta"]);
        assert!(explained.code == 0 && !explained.out.contains("not declared"), "{explained:?}");
    }

    // A misspelled key does not compile.
    let code = folder.read("src/main.rs");
    folder.write("src/main.rs", &code.replacen("flag!(\"new-checkout\")", "flag!(\"new-chekout\")", 1));
    let output = run(&folder, None);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("did you mean `new-checkout`?"), "{error}");
}

/// Types the command in a compile error.
#[test]
fn the_command_in_a_compile_error_declares_the_flag() {
    for file in ["flags.toml", "my config/flags.toml"] {
        let folder = project();
        let code = folder.read("src/main.rs");
        folder.write("src/main.rs", &code.replace("\"new-checkout\"", "\"gift-finder\""));
        let text = folder.read("flags.toml");
        folder.remove("flags.toml");
        folder.write(file, &text);

        let variable = Some(("FLAGKIT_MANIFEST", file));
        let error = String::from_utf8_lossy(&run(&folder, variable).stderr).into_owned();
        let typed = error.split('`').find(|text| text.starts_with("flagkit new gift-finder ")).expect(&error);
        // A shell reads the line, because the path may be quoted. The folder does not matter.
        let line = typed.replacen("flagkit", concat!("'", env!("CARGO_BIN_EXE_flagkit"), "'"), 1);
        let ran = Command::new("sh").args(["-c", &line]).current_dir("/").output().expect("sh runs");
        assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stderr));
        assert!(folder.read(file).contains("gift-finder"), "{line}");
        let error = String::from_utf8_lossy(&run(&folder, variable).stderr).into_owned();
        assert!(!error.contains("cannot find the flag"), "{error}");
    }
}

#[test]
fn a_missing_file_is_reported_with_its_absolute_path() {
    let folder = project();
    folder.remove("flags.toml");
    let output = run(&folder, None);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("false beta-ui is off"), "{out}\n{err}");
    let path = folder.root().canonicalize().expect("a path").join("flags.toml");
    assert!(err.lines().count() == 1 && err.contains(path.to_str().expect("UTF-8")), "{err}");
}

/// The test in docs/testing.md that evaluates the project's own file.
#[test]
fn the_test_of_rules_on_the_testing_page_runs() {
    let folder = project();
    let page = Page::read("docs/testing.md");
    let code = page.blocks().find(|block| block.contains("include_bytes!(\"../flags.toml\")")).expect("the code");
    let (imports, code): (Vec<&str>, Vec<&str>) = code.lines().partition(|line| line.starts_with("use "));
    let (imports, code) = (imports.join("\n"), code.join("\n    "));
    let result = "Result<(), Box<dyn std::error::Error>>";
    let test = format!("{imports}\n#[test]\nfn rules() -> {result} {{\n    {code}\n    Ok(())\n}}\n");
    folder.write("tests/flags.rs", &test);
    let output = cargo(&folder, &["test", "--test", "flags"]).output().expect("cargo runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

/// The error that `main` returns is for people.
#[test]
fn an_invalid_file_ends_the_program_with_every_problem() {
    let folder = project();
    folder.write("flags.toml", &folder.read("flags.toml").replace("new-checkout = false", "new-checkout = = true"));
    // The file is invalid, so the keys cannot be checked.
    let output = run(&folder, Some(("FLAGKIT_MANIFEST", "off")));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && error.starts_with("Error: "), "{error}");
    assert!(error.contains("flags.toml") && error.contains("3:16"), "{error}");
    assert!(!error.contains("ErrorKind") && !error.contains("Load("), "it reads like `Display`: {error}");
}
