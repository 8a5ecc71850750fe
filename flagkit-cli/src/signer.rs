//! The key of a person, with which `ssh-keygen` signs statements.
//!
//! `ssh-keygen` itself talks to the agent, to a FIDO device, and to the person at the terminal. This process never has a
//! private key.

use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flagkit_sources::approvals::NAMESPACE;
use tempfile::{NamedTempFile, TempDir};

use crate::git::setting;
use crate::report::{Exit, Failure, Result};
use crate::terminal;

/// The environment variable with the path of the key.
pub(crate) const KEY: &str = "FLAGKIT_KEY";

/// A key that `ssh-keygen` can sign with: a private key, or a public key with the private one in an agent.
#[derive(Debug)]
pub(crate) struct Signer {
    path: PathBuf,
    fingerprint: String,
    /// The file with a public key that the settings of git state as text.
    _literal: Option<NamedTempFile>,
}

impl Signer {
    /// Finds the key of the person: the given one, or that of the environment, or the one with which git signs.
    pub(crate) fn find(file: &Path, given: Option<&Path>) -> Result<Self> {
        let of_environment = || env::var_os(KEY).filter(|key| !key.is_empty()).map(PathBuf::from);
        if let Some(path) = given.map(Path::to_owned).or_else(of_environment) {
            return Self::at(path, None);
        }
        let of_git = || {
            (setting(file, "gpg.format")? == "ssh").then_some(())?;
            setting(file, "user.signingkey")
        };
        let Some(key) = of_git() else {
            let message = "cannot sign the approval: there is no key";
            let help = format!(
                "pass `--key PATH`, set {KEY}, or set user.signingkey in git with gpg.format = ssh; a public key works \
                 if an agent has the private one"
            );
            return Err(Failure::new(Exit::Unapproved, message).with_help(help));
        };
        let Some(literal) = literal_key(&key) else { return Self::at(key.into(), None) };
        let failed = |error: io::Error| Failure::io(format!("cannot write a temporary file: {error}"));
        let mut file = NamedTempFile::with_suffix(".pub").map_err(failed)?;
        writeln!(file, "{literal}").map_err(failed)?;
        Self::at(file.path().to_owned(), Some(file))
    }

    fn at(path: PathBuf, literal: Option<NamedTempFile>) -> Result<Self> {
        // A path that begins with `-` would be an option.
        let path = if path.is_relative() { Path::new(".").join(path) } else { path };
        let output = ssh_keygen().args(["-l", "-E", "sha256", "-f"]).arg(&path).stdin(Stdio::null()).output();
        let output = output.map_err(|error| unavailable(&error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let fingerprint = text.split_whitespace().find(|word| word.starts_with("SHA256:"));
        if let Some(fingerprint) = fingerprint {
            return Ok(Self { path, fingerprint: fingerprint.to_owned(), _literal: literal });
        }
        let error = String::from_utf8_lossy(&output.stderr);
        let error = terminal::escape_control_chars(error.trim());
        Err(Failure::new(Exit::Unapproved, format!("cannot read the key {}: {error}", path.display())))
    }

    /// Returns the fingerprint of the key: `SHA256:…`.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Returns the signature of a text. The person may have to enter a passphrase or a PIN, and to touch the key.
    pub(crate) fn sign(&self, text: &str) -> Result<String> {
        let failed = |error: io::Error| Failure::io(format!("cannot write a temporary file: {error}"));
        let folder = TempDir::with_prefix("flagkit-").map_err(failed)?;
        let statement = folder.path().join("statement");
        std::fs::write(&statement, text).map_err(failed)?;
        // Standard output is for the result of this command. `ssh-keygen` prompts at the terminal itself.
        let mut command = ssh_keygen();
        command.args(["-Y", "sign", "-q", "-n", NAMESPACE, "-f"]).arg(&self.path).arg(&statement);
        let status = command.stdout(Stdio::null()).status().map_err(|error| unavailable(&error))?;
        let signature = std::fs::read_to_string(folder.path().join("statement.sig"));
        match signature {
            Ok(signature) if status.success() => Ok(signature),
            _ => {
                let message = format!("cannot sign with the key {}: ssh-keygen failed", self.path.display());
                let help = "a public key needs an agent that has the private key: `ssh-add -L` lists its keys";
                Err(Failure::new(Exit::Unapproved, message).with_help(help))
            }
        }
    }
}

fn ssh_keygen() -> Command {
    Command::new("ssh-keygen")
}

fn unavailable(error: &io::Error) -> Failure {
    Failure::io(format!("cannot run ssh-keygen: {error}")).with_help("approvals are signed by OpenSSH 8.2 or later")
}

/// Returns the public key that a setting of git states as text instead of a path.
fn literal_key(setting: &str) -> Option<&str> {
    let is_key = |text: &&str| ["ssh-", "ecdsa-", "sk-"].iter().any(|prefix| text.starts_with(prefix));
    setting.strip_prefix("key::").or_else(|| Some(setting).filter(is_key))
}
