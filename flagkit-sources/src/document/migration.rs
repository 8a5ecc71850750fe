//! The decoder of migrations: flags that have a stage instead of a switch.
//!
//! ```toml
//! [flags.split-name]
//! kind = "migration"
//! stage = "dual-write"     # absent: off, or the stage that another layer states
//! partition = "tenant"     # the attribute that partitions the data
//! rollout = 25             # percent of the partitions at this stage; the others are one stage back
//! ```
//!
//! A document that only states the stage, such as `flags.prod.toml`, needs no `kind`.

use flagkit_core::Flag;
use flagkit_core::source::{Kind, Stage};

use super::decoder::{Decoder, join, one_of};
use super::node::{Node, Table, Value};
use super::suggest::nearest;

/// The keys that a migration has no use for, each with advice.
const UNUSED: [(&str, &str); 6] = [
    ("on", "a migration is not on or off; set its `stage`"),
    ("by", "use `partition`, which names the attribute that partitions the data"),
    ("requires", "a migration depends on no other flag"),
    ("rules", "all subjects with the same data must be at the same stage; use `partition`"),
    ("variants", "the stages are fixed; set its `stage`"),
    ("values", "a migration has no variants"),
];

/// Returns whether the table is one of a migration: its kind says so, or it has a key that only migrations have.
pub(super) fn is_migration(table: &Table<'_>) -> bool {
    is_kind(table, Kind::Migration) || ["stage", "partition"].into_iter().any(|key| table.entry(key).is_some())
}

/// Decodes the keys of a migration, and reports those that it cannot have.
///
/// The caller decodes `rollout` and the metadata, as for every flag.
pub(super) fn migration(decoder: &mut Decoder<'_>, base: &str, table: &Table<'_>) -> Flag {
    let find = |name: &str| table.entry(name).map(|entry| &entry.node);
    let is_declaration = is_kind(table, Kind::Migration);
    let mut flag = Flag::migration();
    if let Some(node) = find("kind").filter(|_| !is_declaration) {
        let help = "a flag with a stage or a partition is a migration";
        decoder.invalid_with_help(&join(base, "kind"), node, "\"migration\"", help);
    }
    if let Some(stage) = find("stage").and_then(|node| stage(decoder, &join(base, "stage"), node)) {
        flag = flag.at_stage(stage);
    }
    if let Some(attribute) = find("partition").and_then(|node| decoder.hashed_attribute(&join(base, "partition"), node))
    {
        flag = flag.with_bucket_by(attribute);
    }
    for (key, help) in UNUSED {
        if let Some(entry) = table.entry(key) {
            let path = join(base, key);
            decoder.problem_with_help(
                entry.offset,
                &path,
                format!("the key `{key}`"),
                "no such key in a migration",
                help,
            );
        }
    }
    if let (Some(node), None, true) = (find("rollout"), find("partition"), is_declaration) {
        let help = "without it, two requests for the same data could be at two stages; remove `rollout`";
        let expected = "`partition`, which names the attribute that partitions the data";
        decoder.problem_with_help(
            node.offset(),
            &join(base, "rollout"),
            "a rollout without a partition",
            expected,
            help,
        );
    }
    flag
}

fn is_kind(table: &Table<'_>, kind: Kind) -> bool {
    table.entry("kind").is_some_and(|entry| matches!(&entry.node.value, Value::Text(text) if *text == kind.as_str()))
}

/// Decodes a stage, with a suggestion for a misspelled one.
fn stage(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Option<Stage> {
    let text = match &node.value {
        Value::Text(text) => &**text,
        _ => "",
    };
    let stage = text.parse().ok();
    if stage.is_none() {
        let words = Stage::ALL.map(Stage::as_str);
        // Other tools write the same words with underscores, in camel case or in one word.
        let plain = |word: &str| word.replace(['-', '_', ' '], "").to_ascii_lowercase();
        let same = words.into_iter().find(|word| plain(word) == plain(text));
        match same.or_else(|| nearest(text, words)) {
            Some(word) => {
                decoder.invalid_with_help(path, node, one_of(&words), format!("did you mean \"{word}\"?"));
            }
            None => decoder.invalid(path, node, one_of(&words)),
        }
    }
    stage
}
