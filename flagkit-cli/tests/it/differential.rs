//! The command, the library and `spec/evaluate.py` give the same answers to generated questions.
//!
//! `scripts/differential` runs this test with more questions.

#[path = "../../../flagkit-sources/tests/it/support/question.rs"]
mod question;

use std::env;
use std::fmt::Write as _;

use self::question::{Answer, Document, Question, Questions, generate};
use crate::support::Folder;

/// How many questions there are about each document. Each document is one run of the command.
const QUESTIONS: usize = 25;

/// The files of the layers, lowest first, and the sources that read them.
const LAYERS: [(&str, &str); 2] = [("flags.toml", "file:flags.toml"), ("above.toml", "file:above.toml")];

/// Reads a number from the environment, with which `scripts/differential` sets the extent.
fn number(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |text| text.parse().expect(name))
}

#[test]
fn the_command_the_library_and_the_specification_agree() {
    // A quarter of the questions is not for the command, so there are more of them than requested.
    let documents = (number("FLAGKIT_QUESTIONS", 1_000) * 4).div_ceil(3 * QUESTIONS);
    let seed = number("FLAGKIT_SEED", 2).try_into().expect("a seed");
    let Some(lines) = generate(documents, seed, QUESTIONS) else { return };
    let folder = Folder::new();
    let (mut asked, mut skipped, mut differences) = (0, 0, String::new());
    for line in lines.lines() {
        let Questions { layers, questions } = Questions::parse(line);
        let document = layers.join("\n# above:\n");
        let library = Document::load(&layers).expect("documents");
        // JSON has no spelling for NaN and the infinities, so only the library answers for them.
        let (spelled, others): (Vec<_>, Vec<_>) = questions
            .iter()
            .map(|question| (question, question.subject.json(&question.flag)))
            .partition(|(_, json)| json.is_some());
        let lines: Vec<&str> = spelled.iter().filter_map(|(_, json)| json.as_deref()).collect();
        let input = lines.join("\n");
        let mut arguments = vec!["eval", "--stdin"];
        for (layer, (name, source)) in layers.iter().zip(LAYERS) {
            folder.write(name, layer);
            arguments.extend(["--source", source]);
        }
        let ran = folder.run_with(&arguments, &input);
        let answers: Vec<Answer> = ran.out.lines().map(answer).collect();
        assert_eq!(answers.len(), spelled.len(), "{}\n{document}\n{input}", ran.err);
        for ((Question { flag, subject, expected }, json), got) in spelled.iter().zip(answers) {
            let by_library = library.answer(flag, subject);
            if got != *expected || by_library != *expected {
                let json = json.as_deref().unwrap_or_default();
                writeln!(
                    differences,
                    "expected {expected}, the command: {got}, the library: {by_library}, of\n{json}\n{document}{}",
                    library.problems
                )
                .expect("memory");
            }
        }
        for (Question { flag, subject, expected }, _) in &others {
            let by_library = library.answer(flag, subject);
            if by_library != *expected {
                writeln!(
                    differences,
                    "expected {expected}, the library: {by_library}, of\n{flag} for {subject:?}\n{document}"
                )
                .expect("memory");
            }
        }
        (asked, skipped) = (asked + questions.len(), skipped + others.len());
    }
    assert!(differences.is_empty(), "{differences}");
    println!("{asked} questions about {documents} documents, 0 differences; {skipped} of them not by the command");
}

fn answer(line: &str) -> Answer {
    Answer::from_json(&serde_json::from_str(line).expect("a line of JSON"))
}
