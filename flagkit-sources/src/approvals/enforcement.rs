//! The requirement of approvals in a running program.
//!
//! It has a layer of its own, without flags, as the last source. The status of this source carries the warnings: lines
//! of the list that do not count, and a file of marks that cannot be used.

use std::io;
use std::mem;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use flagkit_core::source::{Approvable, ApprovalVerifier, Provenance};
use flagkit_core::{FlagSet, Flags, Subscription};

use super::memory::Memory;
use super::{Approvers, Verifier};
use crate::error::Error;

/// The requirement of approvals, as a builder has it.
#[derive(Clone, Debug)]
pub(crate) struct Requirement {
    pub(crate) approvers: String,
    pub(crate) environment: String,
}

/// A requirement in effect: the verifier, its file, and its layer.
///
/// The builder creates it before the first source loads, and the guard owns the subscription.
pub(crate) struct Enforcement {
    recorder: Recorder,
    /// The warnings about the list and about the file as it was at the start.
    warnings: Vec<String>,
}

/// A verifier that stores its marks after each publish, also after one that changes no flag.
#[derive(Clone)]
struct Recorder {
    verifier: Verifier,
    memory: Option<Memory>,
    /// Why the marks could not be stored.
    failure: Arc<Mutex<Option<String>>>,
}

impl ApprovalVerifier for Recorder {
    fn verify(&self, flag: &Approvable<'_>) -> Result<(), Box<str>> {
        self.verifier.verify(flag)
    }

    fn published(&self) {
        if let Some(stored) = self.store() {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = stored.err();
        }
    }
}

impl Enforcement {
    /// Requires approvals of these flags from now on.
    ///
    /// A file that cannot be used is a warning. The program would not start otherwise, and its flags would be dark.
    pub(crate) fn new(flags: &Flags, requirement: &Requirement, state_folder: Option<&PathBuf>) -> Result<Self, Error> {
        let approvers = Approvers::parse(&requirement.approvers)?;
        let rejected = approvers.rejected().iter();
        let mut warnings: Vec<_> =
            rejected.map(|line| format!("the list of approvers has a line that does not count: {line}")).collect();
        let verifier = Verifier::new(approvers, &requirement.environment)?;
        let memory = state_folder.map(|folder| Memory::new(folder, &requirement.environment));
        match memory.as_ref().map(Memory::load) {
            Some(Ok(marks)) => verifier.remember(&marks),
            Some(Err(error)) => {
                let path = memory.as_ref().map(|memory| memory.path().display().to_string()).unwrap_or_default();
                warnings.push(format!(
                    "cannot read the newest approvals from {path}: {}; an older approval is accepted again",
                    reason(&error)
                ));
            }
            None => {}
        }
        let recorder = Recorder { verifier, memory, failure: Arc::default() };
        flags.require_approvals(recorder.clone());
        Ok(Self { recorder, warnings })
    }

    /// Adds the layer, and keeps its warnings up to date until the subscription ends.
    ///
    /// Comes after the layers of all sources, and before the first of them loads.
    pub(crate) fn watch(self, flags: &Flags) -> Subscription {
        let provenance = Provenance::new(format!("approvals:{}", self.recorder.verifier.environment()));
        let publisher = flags.add_layer(provenance).with_clock(SystemTime::now);
        publisher.publish(FlagSet::new());
        publisher.set_warnings(self.warnings.iter().cloned());
        let shown: Mutex<Option<String>> = Mutex::default();
        flags.subscribe(move |_| {
            let latest = self.recorder.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let previous = mem::replace(&mut *shown.lock().unwrap_or_else(PoisonError::into_inner), latest.clone());
            if latest != previous {
                publisher.set_warnings(self.warnings.iter().chain(&latest).cloned());
            }
        })
    }
}

impl Recorder {
    /// Stores the marks if they changed. Returns the warning if that fails.
    fn store(&self) -> Option<Result<(), String>> {
        let memory = self.memory.as_ref()?;
        let marks = self.verifier.changed_marks()?;
        Some(memory.store(marks).map_err(|error| {
            self.verifier.keep_changed();
            let (path, reason) = (memory.path().display(), reason(&error));
            format!(
                "cannot write the newest approvals to {path}: {reason}; an older one is accepted again after a restart"
            )
        }))
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => "the file is damaged".into(),
        io::ErrorKind::PermissionDenied => "the file is not accessible, or other users may write it".into(),
        _ => error.to_string(),
    }
}
