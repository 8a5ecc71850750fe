//! The text that a person signs.

use std::fmt::Write as _;

use flagkit_core::source::{Approval, ApprovalRequirement};

use super::Refusal;

/// The statement that a person signs to approve a flag.
///
/// The command writes it from a planned release, and the program rebuilds it from the approval in the flag file. The
/// environment, the flag and `after` are not in the file: they are those of the program that verifies. So a statement
/// is valid for one flag, with one definition, in one environment.
///
/// # Examples
///
/// ```
/// use flagkit_core::source::{ApprovalRequirement, Confirmation};
/// use flagkit_sources::approvals::Statement;
///
/// let statement = Statement {
///     env: "prod".into(),
///     flag: "new-checkout".into(),
///     before: format!("sha256:{:064}", 1),
///     after: format!("sha256:{:064}", 2),
///     to: "10%".into(),
///     serial: 1_795_946_591,
///     release: None,
///     checks: None,
///     gate: format!("sha256:{:064}", 3),
///     requirement: ApprovalRequirement { confirmation: Confirmation::Signed, humans: 2 },
///     by: "alice@example.com".into(),
///     at: "2026-11-29T10:03:11Z".into(),
/// };
/// assert!(statement.to_text()?.starts_with("flagkit-approval-v1\nenv: prod\nflag: new-checkout\n"));
/// # Ok::<(), flagkit_sources::approvals::Refusal>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The environment.
    pub env: String,
    /// The key of the flag.
    pub flag: String,
    /// The digest of the definition that was in effect.
    pub before: String,
    /// The digest of the definition with the approved state.
    pub after: String,
    /// The approved [state](super::State).
    pub to: String,
    /// A number that grows with each release of the flag.
    pub serial: u64,
    /// The release that the running system reported.
    pub release: Option<String>,
    /// The digest of the report of the checks.
    pub checks: Option<String>,
    /// The digest of the gate.
    pub gate: String,
    /// What the gate required.
    pub requirement: ApprovalRequirement,
    /// The name of the person.
    pub by: String,
    /// The time of the approval, such as `2026-11-29T10:03:11Z`.
    pub at: String,
}

/// Stands for a field that the gate does not require.
const NONE: &str = "-";

impl Statement {
    /// Returns the statement of an approval in a flag file.
    ///
    /// `after` is the [digest](super::definition_digest) of the definition with the approved state.
    pub fn of(env: &str, key: &str, after: &str, approval: &Approval) -> Self {
        Self {
            env: env.into(),
            flag: key.into(),
            before: approval.before.to_string(),
            after: after.into(),
            to: approval.to.to_string(),
            serial: approval.serial,
            release: approval.release.as_deref().map(Into::into),
            checks: approval.checks.as_deref().map(Into::into),
            gate: approval.gate.to_string(),
            requirement: approval.requirement,
            by: approval.by.to_string(),
            at: approval.at.to_string(),
        }
    }

    /// Returns the text to sign. Each line ends with a line feed.
    ///
    /// # Errors
    ///
    /// Returns an error if a field is empty, is `-`, or contains a line break or another control character. Two
    /// statements could have the same text then.
    pub fn to_text(&self) -> Result<String, Refusal> {
        let (serial, humans) = (self.serial.to_string(), self.requirement.humans.to_string());
        let fields = [
            ("env", Some(self.env.as_str())),
            ("flag", Some(&self.flag)),
            ("before", Some(&self.before)),
            ("after", Some(&self.after)),
            ("to", Some(&self.to)),
            ("serial", Some(&serial)),
            ("release", self.release.as_deref()),
            ("checks", self.checks.as_deref()),
            ("gate", Some(&self.gate)),
            ("confirm", Some(self.requirement.confirmation.as_str())),
            ("humans", Some(&humans)),
            ("by", Some(&self.by)),
            ("at", Some(&self.at)),
        ];
        let mut text = String::from("flagkit-approval-v1\n");
        for (name, value) in fields {
            if let Some(reason) = value.and_then(invalid) {
                return Err(Refusal::InvalidField { name, reason });
            }
            let _ = writeln!(text, "{name}: {}", value.unwrap_or(NONE));
        }
        Ok(text)
    }
}

/// Returns why a value cannot be part of the text.
fn invalid(value: &str) -> Option<&'static str> {
    // These two characters break lines in some programs, and the others change the order of what is displayed.
    let is_special = |c: char| matches!(c, '\u{2028}'..='\u{202e}' | '\u{200e}' | '\u{200f}' | '\u{2066}'..='\u{2069}');
    match value {
        "" => Some("it is empty"),
        NONE => Some("it is `-`, which stands for none"),
        _ if value.contains(|c: char| c.is_control() || is_special(c)) => Some("it contains a control character"),
        _ if value.trim() != value => Some("it begins or ends with a space"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use flagkit_core::source::Confirmation;

    use super::*;

    fn statement() -> Statement {
        Statement {
            env: "prod".into(),
            flag: "new-checkout".into(),
            before: "sha256:01".into(),
            after: "sha256:02".into(),
            to: "10%".into(),
            serial: 1_795_946_591,
            release: None,
            checks: Some("sha256:03".into()),
            gate: "sha256:04".into(),
            requirement: ApprovalRequirement { confirmation: Confirmation::TouchAndPin, humans: 2 },
            by: "alice@example.com".into(),
            at: "2026-11-29T10:03:11Z".into(),
        }
    }

    #[test]
    fn the_text_has_a_line_for_each_field() {
        let text = "flagkit-approval-v1
env: prod
flag: new-checkout
before: sha256:01
after: sha256:02
to: 10%
serial: 1795946591
release: -
checks: sha256:03
gate: sha256:04
confirm: touch+pin
humans: 2
by: alice@example.com
at: 2026-11-29T10:03:11Z
";
        assert_eq!(statement().to_text().expect("valid"), text);
    }

    #[test]
    fn no_value_can_add_a_line_or_hide_a_part() {
        for value in ["", "-", "a\nto: on", "a\rb", "a\u{7f}", "a\u{85}b", "a\u{2028}b", "\u{202e}a", " a", "a ", "a\0"]
        {
            let refused = Statement { release: Some(value.into()), ..statement() }.to_text();
            assert!(matches!(refused, Err(Refusal::InvalidField { name: "release", .. })), "{value:?}");
        }
        assert!(Statement { by: "Ålice b".into(), ..statement() }.to_text().is_ok());
    }
}
