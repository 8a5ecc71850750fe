//! A piece of work, and the ways to do it that are compared.

use std::fmt;
use std::hint::black_box;

/// One way to do a piece of work.
pub struct Case {
    name: String,
    run: Box<dyn FnMut(u64)>,
}

impl Case {
    /// Makes a case that does its work once in `once`. What comes of it is kept from the optimiser.
    pub fn new<T>(name: impl Into<String>, mut once: impl FnMut() -> T + 'static) -> Self {
        let run = move |times| {
            for _ in 0..times {
                black_box(once());
            }
        };
        Self { name: name.into(), run: Box::new(run) }
    }

    /// Returns what it is called in tables.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Does the work so many times.
    pub fn run(&mut self, times: u64) {
        (self.run)(times);
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A piece of work, done in several ways.
#[derive(Debug)]
pub struct Work {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is called in tables.
    pub title: &'static str,
    /// The ways to do it. The first is what the others are compared with.
    pub cases: Vec<Case>,
}
