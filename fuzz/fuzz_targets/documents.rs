//! Bytes as a document: the first byte selects the format, the rest is the document.
//!
//! For any input, reading, publishing and evaluating must end without a panic, within the memory limit of a 1 MiB
//! document.

#![no_main]

use flagkit_core::source::Problem;
use flagkit_sources::document::Format;
use fuzz::{bounded, evaluate_all, publish};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, document)) = bytes.split_first() else { return };
    let format = if first % 2 == 0 { Format::Toml } else { Format::Json };
    bounded(|| match format.read(document) {
        Ok(load) => {
            let refused = load.flags().keys().filter(|key| load.flags().get(key.as_ref()).is_none()).count();
            assert!(refused <= load.problems().len(), "a flag is refused without a problem");
            evaluate_all(&publish(load));
        }
        Err(error) => {
            assert!(!error.problems().is_empty(), "a document is refused without a problem");
            let has_location =
                |problem: &Problem| problem.location().is_some() || problem.got().ends_with(" more problems");
            assert!(error.problems().iter().all(has_location), "a problem has no location");
            let _ = error.to_string();
        }
    });
});
