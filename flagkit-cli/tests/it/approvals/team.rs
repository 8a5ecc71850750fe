//! People with real keys of `ssh-keygen`, and a folder with flags that they approve.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use flagkit_core::Context;
use flagkit_sources::{Builder, File, OnFailedStart};
use tempfile::TempDir;

use crate::support::{Folder, Ran, Terminal};

/// A flag with a gate that requires one signature.
pub(super) const ONE: &str = "\
# The flags.
[flags.pay]   # by card
on = false    # dark
gate = \"people\"

# The gates.
[gate.people]
confirm = \"signed\"
";

/// A flag with a gate that requires the signatures of two people.
pub(super) fn two() -> String {
    ONE.to_owned() + "humans = 2\n"
}

/// The request of `pay` without an environment.
pub(super) const REQUEST: &str = ".flagkit/requests/default/pay.toml";

/// A folder with a list of approvers, and the keys of people.
pub(super) struct Team {
    pub(super) folder: Folder,
    keys: TempDir,
}

impl Team {
    /// Creates the keys of Alice and Bob, who may approve, and of Eve, who may not.
    pub(super) fn new(flags: &str) -> Self {
        let team =
            Self { folder: Folder::with("flags.toml", flags), keys: tempfile::tempdir().expect("a temporary folder") };
        for name in ["alice", "bob", "eve"] {
            team.create_key(name);
        }
        team.set_approvers(&["alice", "bob"]);
        team
    }

    pub(super) fn create_key(&self, name: &str) {
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(self.keys.path().join(name));
        assert!(command.status().expect("ssh-keygen runs").success());
    }

    /// Returns the path of a private key.
    pub(super) fn key(&self, name: &str) -> String {
        self.keys.path().join(name).display().to_string()
    }

    pub(super) fn public_key(&self, name: &str) -> String {
        fs::read_to_string(self.key(name) + ".pub").expect("a public key").trim().to_owned()
    }

    /// Returns the line of a person in the list of approvers.
    pub(super) fn line(&self, name: &str, options: &str, key: &str) -> String {
        format!("{name}@example.com {options}namespaces=\"flagkit-approval\" {}\n", self.public_key(key))
    }

    pub(super) fn set_approvers(&self, names: &[&str]) {
        let lines: String = names.iter().map(|name| self.line(name, "", name)).collect();
        self.folder.write(".flagkit/approvers", &lines);
    }

    /// The environment of a run by a person with this key. `None`: the person has no key.
    fn environment(&self, key: Option<&str>) -> Vec<(&'static str, String)> {
        let home = self.keys.path().display().to_string();
        let key = key.map(|key| ("FLAGKIT_KEY", self.key(key)));
        [("HOME", home), ("NO_COLOR", "1".to_owned()), ("GIT_CONFIG_NOSYSTEM", "1".to_owned())]
            .into_iter()
            .chain(key)
            .collect()
    }

    /// Runs the command at a terminal, as a person with this key.
    pub(super) fn terminal(&self, key: Option<&str>, arguments: &[&str]) -> Terminal {
        self.terminal_with(key, arguments, &[])
    }

    pub(super) fn terminal_with(&self, key: Option<&str>, arguments: &[&str], more: &[(&str, &str)]) -> Terminal {
        let environment = self.environment(key);
        let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.folder.terminal_with(arguments, &[environment.as_slice(), more].concat())
    }

    /// Runs the command without a terminal, as a person with this key.
    pub(super) fn run(&self, key: Option<&str>, arguments: &[&str]) -> Ran {
        let mut command = self.folder.command(arguments);
        command.envs(self.environment(key));
        crate::support::ended(command)
    }

    /// Types the name of `pay` at the prompt. Returns the exit code and the screen.
    #[track_caller]
    pub(super) fn go(&self, key: &str, arguments: &[&str]) -> (i32, String) {
        let mut terminal = self.terminal(Some(key), &[&["go", "pay"], arguments].concat());
        terminal.wait_for("Type pay to let it be seen: ");
        terminal.answer("pay");
        terminal.end()
    }

    /// Runs `go`, which fails before the prompt.
    #[track_caller]
    pub(super) fn rejected(&self, key: &str, arguments: &[&str], code: i32, reason: &str) {
        let (ended, screen) = self.terminal(Some(key), &[&["go", "pay"], arguments].concat()).end();
        assert!(ended == code && screen.replace('\n', " ").contains(reason), "{ended}: {screen}");
        assert!(!screen.contains("to let it be seen"), "{screen}");
    }

    pub(super) fn flags(&self) -> String {
        self.folder.read("flags.toml")
    }

    /// Returns whether a program that requires approvals has the flag on.
    pub(super) fn is_live(&self, file: &str, environment: Option<&str>) -> bool {
        self.is_live_with(&self.folder.read(".flagkit/approvers"), file, environment)
    }

    pub(super) fn is_live_with(&self, approvers: &str, file: &str, environment: Option<&str>) -> bool {
        let builder =
            Builder::new().quiet().when_missing(OnFailedStart::Skip).source(File::new(self.folder.path(file)));
        let builder = match environment {
            Some(env) => builder.source(File::new(self.folder.path(&file.replace(".toml", &format!(".{env}.toml"))))),
            None => builder,
        };
        let builder = builder.require_approvals(approvers, environment.unwrap_or("default"));
        let guard = builder.start().expect("it starts");
        guard.flags().is_on("pay", &Context::new("u1"))
    }

    pub(super) fn has_request(&self) -> bool {
        self.folder.path(REQUEST).exists()
    }
}

/// Returns a command that writes nothing to the terminal of the tests.
pub(super) fn quiet(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
