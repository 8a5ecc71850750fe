//! The programs of OpenSSH: `ssh-keygen` and `ssh-agent`, with a home folder of the test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use flagkit_sources::approvals::NAMESPACE;

use super::program::program;
use super::{TestDir, wait_until};

/// A folder with keys, and the program.
pub struct SshKeygen {
    program: PathBuf,
    dir: TestDir,
}

impl SshKeygen {
    /// Returns `None` if OpenSSH is not installed.
    pub fn new() -> Option<Self> {
        Some(Self { program: program("ssh-keygen")?, dir: TestDir::new() })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path(name)
    }

    /// Creates a key, such as `-t ed25519`. Returns its type and data, for a list of approvers.
    pub fn generate(&self, name: &str, options: &[&str]) -> String {
        let path = self.path(name);
        let output = self.command().args(["-q", "-N", "", "-C", "", "-f"]).arg(&path).args(options).output();
        expect_success(&output.expect("ssh-keygen runs"));
        let public = fs::read_to_string(path.with_extension("pub")).expect("the public key");
        public.trim().to_owned()
    }

    /// Signs a text with a key of this folder, and returns the signature.
    pub fn sign(&self, key: &str, options: &[&str], text: &str) -> String {
        self.sign_by(self.command(), key, options, text)
    }

    /// Signs a text with a key that only the agent has.
    pub fn sign_by_agent(&self, agent: &Agent, key: &str, text: &str) -> String {
        let mut command = self.command();
        command.env("SSH_AUTH_SOCK", &agent.socket);
        self.sign_by(command, &format!("{key}.pub"), &[], text)
    }

    fn sign_by(&self, mut command: Command, key: &str, options: &[&str], text: &str) -> String {
        let file = self.path("statement");
        fs::write(&file, text).expect("written");
        let signature = self.path("statement.sig");
        let _ = fs::remove_file(&signature);
        let namespace = if options.contains(&"-n") { vec![] } else { vec!["-n", NAMESPACE] };
        command.args(["-Y", "sign"]).args(namespace).args(options).arg("-f").arg(self.path(key)).arg(&file);
        expect_success(&command.output().expect("ssh-keygen runs"));
        fs::read_to_string(signature).expect("the signature")
    }

    /// Returns whether OpenSSH accepts the signature of this person, by this list of approvers.
    pub fn verifies(&self, list: &str, person: &str, at: &str, text: &str, signature: &str) -> bool {
        let (approvers, file) = (self.path("approvers"), self.path("statement.sig"));
        fs::write(&approvers, list).expect("written");
        fs::write(&file, signature).expect("written");
        let text_file = self.path("text");
        fs::write(&text_file, text).expect("written");
        let mut command = self.command();
        command.args(["-Y", "verify", "-n", NAMESPACE, "-I", person]).arg(format!("-Overify-time={at}"));
        command.arg("-f").arg(approvers).arg("-s").arg(file);
        command.stdin(fs::File::open(text_file).expect("the text"));
        command.output().expect("ssh-keygen runs").status.success()
    }

    fn command(&self) -> Command {
        command(&self.program, &self.dir.path("."))
    }
}

/// A running `ssh-agent`, which ends with the value.
pub struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    /// Starts an agent that has this key of the folder. Removes the private key from the folder.
    pub fn with_key(keygen: &SshKeygen, key: &str) -> Option<Self> {
        let (agent, add) = (program("ssh-agent")?, program("ssh-add")?);
        let (home, socket) = (keygen.dir.path("."), keygen.path("agent"));
        let child = command(&agent, &home).args(["-D", "-a"]).arg(&socket).spawn().expect("ssh-agent runs");
        let running = Self { child, socket };
        wait_until("the agent listens", || running.socket.exists());
        let added = command(&add, &home).arg(keygen.path(key)).env("SSH_AUTH_SOCK", &running.socket).output();
        expect_success(&added.expect("ssh-add runs"));
        fs::remove_file(keygen.path(key)).expect("removed");
        Some(running)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program without a terminal, a home folder or an agent of the user.
fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("HOME", home).env("TZ", "UTC").env_remove("SSH_AUTH_SOCK").env_remove("SSH_ASKPASS");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn expect_success(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
