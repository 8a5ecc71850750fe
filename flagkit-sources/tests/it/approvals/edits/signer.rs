//! Approvals by one person, with a real key.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

use flagkit_core::source::{Approval, ApprovalRequirement, Confirmation};
use flagkit_sources::approvals::Statement;
use serde_json::{Value, json};
use tempfile::TempDir;

const NAME: &str = "alice@example.com";

/// A key that `ssh-keygen` made, and the list of approvers with it.
struct Signer {
    folder: TempDir,
    approvers: String,
    /// The signatures by statement: the same statement occurs in many cases.
    signatures: Mutex<HashMap<String, String>>,
}

static SIGNER: LazyLock<Signer> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
    assert!(made.expect("ssh-keygen").success(), "a key");
    let public = fs::read_to_string(key.with_extension("pub")).expect("the public key");
    Signer { folder, approvers: format!("{NAME} {public}"), signatures: Mutex::default() }
});

pub(super) fn approvers() -> &'static str {
    &SIGNER.approvers
}

fn sign(text: &str) -> String {
    let mut signatures = SIGNER.signatures.lock().expect("not poisoned");
    let sign = || {
        let mut child = Command::new("ssh-keygen")
            .args(["-q", "-Y", "sign", "-n", "flagkit-approval", "-f"])
            .arg(SIGNER.folder.path().join("key"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("ssh-keygen");
        child.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("the statement");
        let output = child.wait_with_output().expect("a signature");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("PEM")
    };
    signatures.entry(text.to_owned()).or_insert_with(sign).clone()
}

/// Returns the approval of a definition with a state, as a document states it.
pub(super) fn approval(environment: &str, key: &str, after: &str, to: &str) -> Value {
    let digest = format!("sha256:{:064}", 0);
    let requirement = ApprovalRequirement { confirmation: Confirmation::Signed, humans: 1 };
    let mut approval = Approval {
        by: NAME.into(),
        at: "2026-11-29T10:03:11Z".into(),
        to: to.into(),
        serial: 1_795_946_591,
        before: digest.as_str().into(),
        release: None,
        checks: None,
        gate: digest.as_str().into(),
        requirement,
        signature: "".into(),
    };
    let statement = Statement::of(environment, key, after, &approval).to_text().expect("a statement");
    approval.signature = sign(&statement).into();
    json!({
        "by": &*approval.by,
        "at": &*approval.at,
        "to": to,
        "serial": approval.serial,
        "before": digest,
        "gate": digest,
        "confirm": "signed",
        "humans": 1,
        "signature": &*approval.signature,
    })
}
