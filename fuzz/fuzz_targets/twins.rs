//! One document, written as TOML and as JSON: both must mean the same.
//!
//! They must give the same flags, the same evaluations, and the same problems in the same order, except positions.

#![no_main]

use flagkit_core::Flags;
use flagkit_core::source::Problem;
use flagkit_sources::document::Format;
use fuzz::{Tree, evaluations, publish};
use libfuzzer_sys::fuzz_target;

/// Returns a problem without its position. A date is a string in JSON.
fn without_positions(problems: &[Problem]) -> Vec<String> {
    let lines = problems.iter().map(|problem| {
        let (path, expected) = (problem.path(), problem.expected());
        let date = problem.got().strip_prefix("the date ");
        let got = date.map_or_else(|| problem.got().to_owned(), |date| format!("the text {date:?}"));
        format!("{path}: {got}: {expected}: {:?}", problem.help())
    });
    lines.collect()
}

fn layer_problems(flags: &Flags) -> Vec<Vec<String>> {
    flags.status().sources.iter().map(|source| without_positions(&source.problems)).collect()
}

fuzz_target!(|input: (bool, Tree)| {
    let (headers, mut tree) = input;
    // An empty TOML document is an empty text, which has a different message.
    if !matches!(&tree, Tree::Table(entries) if !entries.is_empty()) {
        return;
    }
    if headers {
        tree.sort_for_headers();
    }
    let (toml, json) = (tree.toml(headers), tree.json());
    let twins = (Format::Toml.read(toml.as_bytes()), Format::Json.read(json.as_bytes()));
    match twins {
        (Ok(one), Ok(other)) => {
            assert_eq!(without_positions(one.problems()), without_positions(other.problems()), "\n{toml}\n{json}");
            assert_eq!(one.flags(), other.flags(), "\n{toml}\n{json}");
            let (one, other) = (publish(one), publish(other));
            assert_eq!(evaluations(&one), evaluations(&other), "\n{toml}\n{json}");
            // Include the problems of merging layers.
            assert_eq!(layer_problems(&one), layer_problems(&other), "\n{toml}\n{json}");
        }
        (Err(one), Err(other)) => {
            assert_eq!(without_positions(one.problems()), without_positions(other.problems()), "\n{toml}\n{json}")
        }
        (one, other) => panic!("{one:?}\n{other:?}\n{toml}\n{json}"),
    }
});
