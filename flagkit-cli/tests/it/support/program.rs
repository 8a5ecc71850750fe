//! A running program that follows flag files.

use std::sync::{Arc, Mutex};

use flagkit_core::source::Stage;
use flagkit_core::tooling::Effect;
use flagkit_core::{Context, Event, Subscription};
use flagkit_sources::{Builder, File, Guard, OnFailedStart};

use super::{Folder, wait_until};

/// A program with the files of a folder as its layers, the lowest first. The files other than the first are optional.
pub(crate) struct Program {
    guard: Guard,
    widened: Arc<Mutex<Vec<String>>>,
    _subscription: Subscription,
}

impl Program {
    #[track_caller]
    pub(crate) fn start(folder: &Folder, files: &[&str]) -> Self {
        let builder = Builder::new().when_missing(OnFailedStart::Skip);
        let builder = files.iter().fold(builder, |builder, file| builder.source(File::new(folder.path(file))));
        let guard = builder.start().expect("it starts");
        let widened = Arc::new(Mutex::new(Vec::new()));
        let (found, flags) = (Arc::clone(&widened), guard.flags().clone());
        let before = Mutex::new(flags.snapshot());
        let subscription = guard.flags().subscribe(move |event| {
            if let Event::Changed(_) = event {
                let (now, mut before) = (flags.snapshot(), before.lock().expect("no panic"));
                let wider = before.effects(&now).into_iter().filter(|(_, effect)| *effect == Effect::Widens);
                found.lock().expect("no panic").extend(wider.map(|(key, _)| key.to_string()));
                *before = now;
            }
        });
        Self { guard, widened, _subscription: subscription }
    }

    pub(crate) fn is_on(&self, key: &str) -> bool {
        self.guard.flags().is_on(key, &Context::new("u1"))
    }

    /// The stage of a migration in the program.
    pub(crate) fn stage(&self, key: &str) -> Option<Stage> {
        self.guard.flags().snapshot().flag(key)?.stage()
    }

    /// Waits until the program has the flag off.
    #[track_caller]
    pub(crate) fn wait_off(&self, key: &str) {
        wait_until(&format!("{key} is off"), || !self.is_on(key));
    }

    /// Waits until the program reports an error or a problem of its files.
    #[track_caller]
    pub(crate) fn wait_for_problem(&self) {
        wait_until("a problem", || {
            self.guard.status().sources.iter().any(|source| !source.problems.is_empty() || source.last_error.is_some())
        });
    }

    /// The flags that any change widened since the start.
    pub(crate) fn widened(&self) -> Vec<String> {
        self.widened.lock().expect("no panic").clone()
    }
}
