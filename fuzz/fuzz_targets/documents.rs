//! Bytes as a document: the first says of which format, the others are it.
//!
//! Whatever they are, reading them, publishing what was read and asking about it ends, without a panic, and in the
//! memory that a document of 1 MiB may take.

#![no_main]

use flagkit_core::source::Problem;
use flagkit_sources::document::Format;
use fuzz::{ask, bounded, publish};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, document)) = bytes.split_first() else { return };
    let format = if first % 2 == 0 { Format::Toml } else { Format::Json };
    bounded(|| match format.read(document) {
        Ok(load) => {
            let refused = load.flags().keys().filter(|key| load.flags().get(key.as_ref()).is_none()).count();
            assert!(refused <= load.problems().len(), "a flag is refused without a problem");
            ask(&publish(load));
        }
        Err(error) => {
            assert!(!error.problems().is_empty(), "a document is refused without a problem");
            let has_place =
                |problem: &Problem| problem.location().is_some() || problem.got().ends_with(" problems more");
            assert!(error.problems().iter().all(has_place), "a problem is nowhere");
            let _ = error.to_string();
        }
    });
});
