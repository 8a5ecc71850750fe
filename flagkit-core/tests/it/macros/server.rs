//! A server that expands macros of many crates for as long as an editor is open, as rust-analyzer's does.
//!
//! The server is part of the Rust toolchain. Its protocol is internal, so the test is skipped if the server does not
//! understand it. The unit tests of flagkit-macros check the same without a server.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::project::Project;

struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    library: PathBuf,
}

impl Server {
    /// Starts the toolchain's server for the macros in `library`. `None` if there is no usable server.
    fn start(library: PathBuf) -> Option<Self> {
        let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
        let program =
            Path::new(std::str::from_utf8(&sysroot.stdout).ok()?.trim()).join("libexec/rust-analyzer-proc-macro-srv");
        let mut child = Command::new(program)
            .env("RUST_ANALYZER_INTERNALS_DO_NOT_USE", "1")
            .env_remove("FLAGKIT_MANIFEST")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let (input, output) = (child.stdin.take()?, BufReader::new(child.stdout.take()?));
        let mut server = Self { child, input, output, library };
        server.request(&json!({ "ApiVersionCheck": {} }))?["ApiVersionCheck"].as_u64()?;
        Some(server)
    }

    fn request(&mut self, request: &Value) -> Option<Value> {
        writeln!(self.input, "{request}").ok()?;
        let mut line = String::new();
        self.output.read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }

    /// Returns the texts in the expansion of `flag!("KEY")` in the crate in `folder`, errors among them.
    fn expand(&mut self, folder: &Path, key: &str) -> Option<String> {
        let body = json!({
            // One group without delimiters, which contains an identifier and a literal: `flagkit_core "KEY"`.
            "subtree": [0, 0, 0, 0, 2],
            "ident": [0, 0, 0],
            "literal": [0, 1, 5, u32::MAX],
            "punct": [],
            "token_tree": [3, 1],
            "text": ["flagkit_core", key],
        });
        let response = self.request(&json!({ "ExpandMacro": {
            "lib": self.library,
            "env": [["CARGO_MANIFEST_DIR", folder], ["CARGO_CRATE_NAME", "app"]],
            "current_dir": folder,
            "macro_body": body,
            "macro_name": "flag",
            "attributes": null,
            "has_global_spans": { "def_site": 0, "call_site": 0, "mixed_site": 0 },
        }}))?;
        Some(response["ExpandMacro"]["Ok"]["text"].as_array()?.iter().filter_map(Value::as_str).collect())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the macros and returns the path of their library.
fn build_macros() -> PathBuf {
    let project = Project::new();
    project.write("app/src/lib.rs", "");
    let output = project.cargo(&["check", "--message-format", "json"], None);
    let messages = String::from_utf8(output.stdout).expect("UTF-8");
    let is_macros =
        |message: &Value| message["reason"] == "compiler-artifact" && message["target"]["name"] == "flagkit_macros";
    let library = messages.lines().filter_map(|line| serde_json::from_str(line).ok()).find(is_macros);
    let library: Value = library.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    library["filenames"][0].as_str().expect("a path").into()
}

#[test]
fn a_server_checks_each_crate_against_the_current_file_of_that_crate() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(folder.path().join(name)).expect("a folder");
        std::fs::write(folder.path().join(name).join("flags.toml"), text).expect("a file");
    };
    write("a", "[flags]\nfast = false\n");
    write("b", "[flags]\nsmall = false\n");
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));

    // A folder without a flag file shows whether the server understands the requests.
    let server = Server::start(build_macros()).and_then(|mut server| {
        let unchecked = server.expand(folder.path(), "anything")?;
        unchecked.contains("CallSite").then_some(server)
    });
    let Some(mut server) = server else {
        println!("SKIPPED: this toolchain has no server for macros, or one with another protocol");
        return;
    };
    let mut expand = |folder: &Path, key: &str| server.expand(folder, key).expect("an expansion");
    let first = expand(&a, "fast");
    assert!(first.contains("CallSite") && !first.contains("cannot find"), "{first}");
    assert!(expand(&a, "small").contains("cannot find the flag `small`"));
    let other = expand(&b, "small");
    assert!(other.contains("CallSite") && !other.contains("cannot find"), "the first file does not count: {other}");
    assert!(expand(&b, "fast").contains("cannot find the flag `fast`"));

    // A new key of a changed file, and a key that is gone.
    write("a", "[flags]\nnew = false\n");
    let new = expand(&a, "new");
    assert!(!new.contains("cannot find"), "{new}");
    assert!(expand(&a, "fast").contains("cannot find the flag `fast`"));
    assert!(!expand(&b, "small").contains("cannot find"));
}
