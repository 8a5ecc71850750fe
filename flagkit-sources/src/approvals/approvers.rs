//! The list of the people who may approve flags.

use std::collections::BTreeMap;
use std::time::SystemTime;

use flagkit_core::source::{ApprovalRequirement, Confirmation};
use ssh_key::public::KeyData;

use super::{Approver, RejectedLine};
use crate::error::Error;

/// The people who may approve flags, with their keys: a text in OpenSSH's format `allowed_signers`.
///
/// `ssh-keygen -Y verify` reads the same file. A line that could let anyone else approve is rejected; see
/// [`rejected`](Self::rejected). Comments can set a minimum for all flags, which no document can lower:
///
/// ```text
/// # flagkit: humans = 2
/// # flagkit: confirm = "touch"
/// ```
///
/// Any other comment that begins with `flagkit` is an error of the list. So is `# flagkit` after a key.
///
/// # Examples
///
/// ```
/// use flagkit_sources::approvals::Approvers;
///
/// let list = "\
/// alice@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti
/// *@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti
/// ";
/// let approvers = Approvers::parse(list)?;
/// assert_eq!(approvers.entries().len(), 1);
/// assert_eq!(approvers.rejected()[0].line(), 2);
/// # Ok::<(), flagkit_sources::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Approvers {
    entries: Vec<Approver>,
    rejected: Vec<RejectedLine>,
    floor: ApprovalRequirement,
    states_floor: bool,
    /// The name that stands for a person: the first of all names that share a key.
    people: BTreeMap<String, String>,
}

/// The highest number of people that a comment may require.
const MAX_HUMANS: u32 = 10;

impl Approvers {
    /// Parses a list.
    ///
    /// # Errors
    ///
    /// Returns an error if no line has a valid approver, or if a comment that begins with `flagkit` is invalid.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (mut entries, mut rejected, mut invalid) = (Vec::new(), Vec::new(), Vec::new());
        let mut floor = Floor::default();
        for (index, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
            let (number, line) = (index + 1, line.trim());
            let parsed = if let Some(comment) = line.strip_prefix('#') {
                directive(comment).map_or(Ok(()), |directive| floor.set(directive?))
            } else if line.split('#').skip(1).any(|comment| directive(comment).is_some()) {
                Err("a comment of flagkit needs a line of its own".to_owned())
            } else if line.is_empty() {
                Ok(())
            } else {
                match Approver::parse(number, line) {
                    Ok(entry) => entries.push(entry),
                    // Without its `#`, the comment is no name.
                    Err(_) if directive(line).is_some_and(|directive| directive.is_ok()) => {
                        invalid.push(RejectedLine { line: number, reason: "a comment begins with `#`".to_owned() });
                    }
                    Err(reason) => rejected.push(RejectedLine { line: number, reason }),
                }
                Ok(())
            };
            invalid.extend(parsed.err().map(|reason| RejectedLine { line: number, reason }));
        }
        if !invalid.is_empty() {
            return Err(Error::approvers("a comment of flagkit is invalid", &invalid));
        }
        if entries.is_empty() {
            return Err(Error::approvers("no line has a valid approver", &rejected));
        }
        let people = people(&entries);
        let states_floor = floor.requires_signatures();
        Ok(Self { entries, rejected, floor: floor.requirement(), states_floor, people })
    }

    /// Returns the approvers, in the order of the list.
    pub fn entries(&self) -> &[Approver] {
        &self.entries
    }

    /// Returns the lines that do not count.
    pub fn rejected(&self) -> &[RejectedLine] {
        &self.rejected
    }

    /// Returns what the list requires of each flag, at least. It is never less than one signature.
    pub fn floor(&self) -> ApprovalRequirement {
        self.floor
    }

    /// Returns whether a comment requires signatures of each flag, also of one without a gate.
    ///
    /// A list without such a comment applies where a gate or a program requires approvals.
    pub fn states_floor(&self) -> bool {
        self.states_floor
    }

    /// Returns whether the two names stand for the same person: they are equal, or share a key in the list.
    ///
    /// Each of two people must have a key that the other does not have. Otherwise one of them could approve for both.
    pub fn is_same_person(&self, a: &str, b: &str) -> bool {
        a == b || self.people.get(a).is_some_and(|of_a| self.people.get(b) == Some(of_a))
    }

    /// Returns the lines with this name.
    pub(super) fn named(&self, name: &str) -> impl Iterator<Item = &Approver> {
        self.entries.iter().filter(move |entry| entry.names().any(|own| own == name))
    }

    /// Returns the lines with this key.
    pub(super) fn with_key(&self, key: &KeyData) -> impl Iterator<Item = &Approver> {
        self.entries.iter().filter(move |entry| entry.key().key_data() == key)
    }

    /// Returns the time of this system. Statements of the future are refused by it.
    pub(super) fn now() -> SystemTime {
        SystemTime::now()
    }
}

/// The minimum that comments set.
#[derive(Default)]
struct Floor {
    humans: Option<u32>,
    confirmation: Option<Confirmation>,
}

impl Floor {
    /// Sets the minimum of a comment such as `humans = 2`.
    fn set(&mut self, directive: &str) -> Result<(), String> {
        let (name, value) = directive.split_once('=').map_or((directive, ""), |(name, value)| (name, value));
        let (name, value) = (name.trim(), value.trim());
        let is_repeated = match name {
            "humans" => {
                let humans = value.parse().ok().filter(|humans| (1..=MAX_HUMANS).contains(humans));
                let humans = humans.ok_or_else(|| format!("humans: got {value:?}, expected 1 to {MAX_HUMANS}"))?;
                self.humans.replace(humans).is_some()
            }
            "confirm" => {
                let word = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                let confirmation = Confirmation::ALL.into_iter().find(|own| word == Some(own.as_str()));
                let confirmation = confirmation.ok_or_else(|| {
                    format!("confirm: got {value:?}, expected \"signed\", \"touch\" or \"touch+pin\" in quotes")
                })?;
                self.confirmation.replace(confirmation).is_some()
            }
            _ => return Err(format!("got {name:?}, expected `humans` or `confirm`")),
        };
        if is_repeated { Err(format!("{name} is set twice")) } else { Ok(()) }
    }

    fn requires_signatures(&self) -> bool {
        self.humans.is_some() || self.confirmation.is_some_and(|confirmation| confirmation > Confirmation::Terminal)
    }

    fn requirement(&self) -> ApprovalRequirement {
        let signed = ApprovalRequirement { confirmation: Confirmation::Signed, humans: 1 };
        signed.strictest(ApprovalRequirement {
            confirmation: self.confirmation.unwrap_or_default(),
            humans: self.humans.unwrap_or(1),
        })
    }
}

/// Returns the minimum that a comment sets, or an error. `None`: the comment does not begin with `flagkit`.
///
/// Case, spaces and signs before the word do not matter, so a typing error does not make the comment ineffective.
fn directive(comment: &str) -> Option<Result<&str, String>> {
    const WORD: &str = "flagkit";
    let comment = comment.trim_start_matches(|c: char| !c.is_alphanumeric());
    let (word, rest) = comment.split_at_checked(WORD.len())?;
    if !word.eq_ignore_ascii_case(WORD) {
        return None;
    }
    let directive = rest.trim_start().strip_prefix(':').map(str::trim);
    Some(
        directive
            .ok_or_else(|| format!("got {:?}, expected a comment such as `# flagkit: humans = 2`", comment.trim())),
    )
}

/// Returns for each name the name that stands for the person: the first of all that share a line or a key.
///
/// Names share a person along any chain of lines, so the loop runs until nothing changes. The list is short.
fn people(entries: &[Approver]) -> BTreeMap<String, String> {
    let mut people: BTreeMap<String, String> =
        entries.iter().flat_map(Approver::names).map(|name| (name.to_owned(), name.to_owned())).collect();
    loop {
        let mut has_changed = false;
        for entry in entries {
            let same_key = entries.iter().filter(|other| other.key().key_data() == entry.key().key_data());
            let names: Vec<&str> = same_key.flat_map(Approver::names).collect();
            let Some(first) = names.iter().filter_map(|name| people.get(*name)).min().cloned() else { continue };
            for name in names {
                if let Some(person) = people.get_mut(name).filter(|person| **person != first) {
                    person.clone_from(&first);
                    has_changed = true;
                }
            }
        }
        if !has_changed {
            return people;
        }
    }
}
