//! Bytes as a list of approvers, and as a signature.
//!
//! Any list must parse or have reasons. A signature must count only if it is the valid one, whatever the list says.

#![no_main]

use flagkit_core::source::{ApprovalRequirement, Confirmation};
use flagkit_sources::approvals::{Approvers, Statement};
use libfuzzer_sys::fuzz_target;

/// A list with one key, which signed nothing that the target has.
const LIST: &str = "alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti\n";

fn statement() -> Statement {
    Statement {
        env: "prod".into(),
        flag: "new-checkout".into(),
        before: "sha256:00".into(),
        after: "sha256:01".into(),
        to: "10%".into(),
        serial: 1,
        release: None,
        checks: None,
        gate: "sha256:02".into(),
        requirement: ApprovalRequirement { confirmation: Confirmation::Signed, humans: 1 },
        by: "alice".into(),
        at: "2026-01-31T10:03:11Z".into(),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let (list, signature) = text.split_once('\0').unwrap_or((&text, &text));
    for list in [list.to_owned(), format!("{LIST}{list}")] {
        let approvers = match Approvers::parse(&list) {
            Ok(approvers) => approvers,
            Err(error) => {
                assert!(error.is_invalid_approvers() && !error.to_string().is_empty());
                continue;
            }
        };
        assert!(!approvers.entries().is_empty() && approvers.floor().humans >= 1);
        assert!(approvers.floor().confirmation >= Confirmation::Signed);
        for line in approvers.rejected() {
            assert!(line.line() >= 1 && !line.reason().is_empty());
        }
        let signer = approvers.verify(&statement(), signature);
        // Only an input with a key of its own could sign the statement, and no seed has one.
        assert!(signer.is_err() || list.matches("ssh-").count() > 1, "{signer:?}");
    }
});
