//! The list of approvers beside a flag file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flagkit_core::source::{ApprovalRequirement, Confirmation};
use flagkit_sources::approvals::{Approver, Approvers};

use crate::file;
use crate::project::unreadable;
use crate::report::{Exit, Failure, Result};

/// The list of approvers of a project. Programs compile it in, so a command reads it as the next build would.
pub(crate) struct ApproverList {
    pub(crate) path: PathBuf,
    pub(crate) approvers: Approvers,
}

impl ApproverList {
    /// The path of the list, beside the flag file.
    pub(crate) const NAME: &str = ".flagkit/approvers";

    /// Returns the path of the list of a flag file.
    pub(crate) fn path_beside(file: &Path) -> PathBuf {
        file.with_file_name(Self::NAME)
    }

    /// Reads the list of a flag file. `None`: there is no such file.
    pub(crate) fn read(file: &Path) -> Result<Option<Self>> {
        let path = Self::path_beside(file);
        match file::read(&path) {
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(unreadable(&path, &error)),
            Ok(bytes) => match Self::parse(&bytes) {
                Ok(approvers) => Ok(Some(Self { path, approvers })),
                Err(reason) => {
                    let mut lines = reason.lines().map(|line| line.trim().to_owned());
                    let message = format!("{}: {}", path.display(), lines.next().unwrap_or_default());
                    Err(Failure::new(Exit::Findings, message).with_details(lines))
                }
            },
        }
    }

    /// Reads the list of a flag file, which must exist.
    pub(crate) fn read_existing(file: &Path) -> Result<Self> {
        Self::read(file)?.ok_or_else(|| {
            let path = Self::path_beside(file);
            Failure::io(format!("{}: there is no such file", path.display()))
                .with_help("write a line for each person: `NAME ssh-ed25519 AAAA…`, with the public key")
        })
    }

    /// Parses the text of a list. The error is the reason why no program can use it.
    pub(crate) fn parse(bytes: &[u8]) -> std::result::Result<Approvers, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "the list is not UTF-8".to_owned())?;
        Approvers::parse(text).map_err(|error| error.to_string())
    }

    /// Returns how many people can approve now, with a confirmation of this strength.
    pub(crate) fn people(&self, confirmation: Confirmation, now: SystemTime) -> usize {
        let needs_hardware = confirmation > Confirmation::Signed;
        let can_approve = |entry: &&Approver| {
            (entry.is_hardware_key() || !needs_hardware) && entry.valid_before().is_none_or(|end| end >= now)
        };
        let names = self.approvers.entries().iter().filter(can_approve).filter_map(|entry| entry.names().next());
        let mut people: BTreeSet<&str> = BTreeSet::new();
        for name in names {
            if !people.iter().any(|known| self.approvers.is_same_person(known, name)) {
                people.insert(name);
            }
        }
        people.len()
    }
}

/// Describes a requirement, such as `2 people, signed`.
pub(crate) fn describe(requirement: ApprovalRequirement) -> String {
    let people = if requirement.humans == 1 { "person" } else { "people" };
    format!("{} {people}, {}", requirement.humans, requirement.confirmation.as_str())
}
