//! A work, and the cases that are compared: different ways to do it.

use std::fmt;
use std::hint::black_box;

/// One way to do a work.
pub struct Case {
    name: String,
    run: Box<dyn FnMut(u64)>,
}

impl Case {
    /// Creates a case that does its work once in `once`. The result is hidden from the optimiser.
    pub fn new<T>(name: impl Into<String>, mut once: impl FnMut() -> T + 'static) -> Self {
        let run = move |times| {
            for _ in 0..times {
                black_box(once());
            }
        };
        Self { name: name.into(), run: Box::new(run) }
    }

    /// Returns its name in tables.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Does the work `times` times.
    pub fn run(&mut self, times: u64) {
        (self.run)(times);
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A work, done in several ways.
#[derive(Debug)]
pub struct Work {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its title in tables.
    pub title: &'static str,
    /// The ways to do it. Ratios are relative to the first.
    pub cases: Vec<Case>,
}
