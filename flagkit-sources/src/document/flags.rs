//! The decoder of documents and flags: from nodes to a load.
//!
//! # The format
//!
//! ```toml
//! [flags]
//! old-banner = false              # short form: true, false or "25%"
//!
//! [flags.search-v2]               # long form: a table with the keys of `FLAG`
//! on = true
//! rollout = 25
//!
//! [segments.staff]                # see `rules`
//! [meta]
//! flags = 2                       # detects a document that is cut off
//! ```
//!
//! | key of a flag | meaning | decoded by |
//! |---|---|---|
//! | `on` | the switch; a flag without it is off | `long_form` |
//! | `inherit` | whether a flag of a higher layer keeps what it does not state | `long_form` |
//! | `rollout` | the percentage of subjects while it is on | [`Decoder::percent`] |
//! | `salt`, `by` | what is hashed: the seed and the attribute | [`Decoder::text`], [`Decoder::hashed_attribute`] |
//! | `requires` | flags that must be on as well | `requires` |
//! | `rules` | targeting | `rules::rule` |
//! | `stage`, `partition` | the stage of a migration, and what partitions its data | `migration::migration` |
//! | `variants`, `values` | variants with weights, and their values | `variants::variants` |
//! | `description`, `owner`, `kind`, `created`, `expires` | metadata, which changes no answer | `kind`, `date` |
//! | `approval` | who agreed that the flag may be on | `approvals::approvals` |
//! | `gate` | what approvals of the flag need | [`Gates::apply`] |
//! | `allow` | for the command | skipped |
//!
//! # How it works
//!
//! [`decode`] walks the root, then each flag. The parts of a flag have files of their own: `rules` and `conditions` for
//! targeting, `variants` for variants and their values. The tables `gate`, `check`, `defaults` and `project` belong to
//! the command, with the exception of two keys of gates; see `gates`.
//!
//! # Problems and their effects
//!
//! | the problem is in | effect |
//! |---|---|
//! | the root, `flags` or `meta.flags` | the document is refused, and the layer keeps its last good flags |
//! | a flag | the flag is recorded as invalid; the others load |
//! | a flag that says `on = false` | the flag is off |
//! | the key of a flag | the entry is skipped |
//! | a segment | the segment is recorded as invalid |
//! | an unknown table | it is reported, and has no other effect |
//!
//! # Invariants
//!
//! - A flag with any problem is refused, because part of a flag may include subjects that the whole flag excludes.
//! - A refused flag that says `on = false` is off all the same: turning off must always work.
//! - A flag that inherits states only some parts; the merge adds the others, so their references are checked there.
//! - An invalid key is skipped with a report; an invalid flag is recorded, so that no lower layer shows through it.
//! - A document with fewer or more flags than it declares is refused as a whole.

use flagkit_core::source::{Kind, Load, LoadError, Metadata, Reference, Rule};
use flagkit_core::{Date, Flag, FlagKey, FlagSet, Percent};

use super::decoder::{Decoder, illegal_key, join, one_of, unknown_key};
use super::gates::Gates;
use super::lines::Lines;
use super::node::{Entry, Node, Origin, Table, Value};
use super::schedule::is_schedule;
use super::suggest::nearest;
use super::synonyms::synonym;
use super::variants::VariantNames;
use super::{approvals, migration, rules, variants};

/// The tables of a document, for the advice on an unknown one.
const TOP_LEVEL: [&str; 7] = ["flags", "segments", "meta", "gate", "check", "defaults", "project"];
/// The keys of the table `meta`, which has facts about the document itself.
const META: [&str; 1] = ["flags"];
/// The keys of a flag in its long form, for the advice on an unknown one.
///
/// `allow` belongs to the command, and is not decoded here.
const FLAG: [&str; 19] = [
    "description",
    "owner",
    "kind",
    "created",
    "expires",
    "on",
    "inherit",
    "rollout",
    "stage",
    "partition",
    "salt",
    "by",
    "requires",
    "rules",
    "variants",
    "values",
    "gate",
    "allow",
    "approval",
];

/// What a problem says was expected where a key is invalid.
pub(super) const KEY: &str = "1 to 128 ASCII letters, digits, '.', '_' and '-', with a letter or digit first";
/// What a problem says was expected where the value of a flag is invalid: the short forms, or the long one.
const SHORT_FORM: &str = "true, false, a percentage such as \"25%\", or a table";

/// Decodes a document, and collects all problems.
///
/// [`Format::read`](super::Format::read) calls this with the root of a well-formed document. The decoder lives for the
/// length of this call.
pub(super) fn decode(root: &Node<'_>, lines: &Lines<'_>) -> Result<Load, LoadError> {
    let mut decoder = Decoder::new(lines);
    match document(&mut decoder, root) {
        Ok(flags) => Ok(Load::new(flags).with_problems(decoder.into_problems())),
        Err(Rejected(message)) => Err(LoadError::new(message).with_problems(decoder.into_problems())),
    }
}

/// The message of a document that is refused as a whole. Its problems are in the decoder.
///
/// [`decode`] turns it into a [`LoadError`], and the source of the document keeps its last good flags.
struct Rejected(&'static str);

/// Decodes the root of a document into a flag set.
///
/// The number of flags is compared last, so that a document that is refused for it lists its other problems too.
fn document(decoder: &mut Decoder<'_>, root: &Node<'_>) -> Result<FlagSet, Rejected> {
    let Value::Table(tables) = &root.value else {
        decoder.invalid("", root, "an object with a member `flags`");
        return Err(Rejected("the document is not an object"));
    };
    let mut set = FlagSet::new();
    let mut flags = None;
    let mut declared = Ok(None);
    for entry in tables {
        match &*entry.name {
            "flags" => flags = Some(&entry.node),
            "segments" => rules::segments(decoder, &entry.node, &mut set),
            "meta" => declared = declared_count(decoder, &entry.node),
            // The command uses these tables: how flags are released, and where their code is.
            "gate" | "check" | "defaults" | "project" => {}
            _ => decoder.unknown("", entry, &TOP_LEVEL),
        }
    }
    let Some(flags) = flags else {
        decoder.problem(root.offset(), "flags", "nothing", "a table of flags");
        return Err(Rejected("the document has no `flags` table"));
    };
    let Value::Table(entries) = &flags.value else {
        decoder.invalid("flags", flags, "a table of flags");
        return Err(Rejected("`flags` is not a table"));
    };
    let gates = Gates::decode(decoder, tables);
    for entry in entries {
        flag(decoder, entry, &gates, &mut set);
    }
    match declared? {
        Some((node, declared)) if declared != entries.len() => {
            let count = |n: usize| if n == 1 { "1 flag".to_owned() } else { format!("{n} flags") };
            let expected = format!("{}, as the document declares", count(declared));
            decoder.problem(node.offset(), "meta.flags", count(entries.len()), expected);
            Err(Rejected("the document is incomplete"))
        }
        _ => Ok(set),
    }
}

/// Decodes `[meta]`, and returns the number of flags that the document declares, with its node.
///
/// The number reveals a document that was read while only part of it had been written. An invalid number makes the
/// document invalid as well, since that check is then impossible.
fn declared_count<'n, 't>(
    decoder: &mut Decoder<'_>,
    node: &'n Node<'t>,
) -> Result<Option<(&'n Node<'t>, usize)>, Rejected> {
    let mut declared = Ok(None);
    for entry in decoder.table("meta", node, "facts about the document") {
        let node = &entry.node;
        match (&*entry.name, &node.value) {
            ("flags", Value::Number(number)) if number.parse::<usize>().is_ok() => {
                declared = Ok(number.parse().ok().map(|count| (node, count)));
            }
            ("flags", _) => {
                decoder.invalid("meta.flags", node, "a whole number from 0");
                declared = Err(Rejected("the document declares an invalid number of flags"));
            }
            _ => decoder.unknown("meta", entry, &META),
        }
    }
    declared
}

/// Decodes one flag into the set; a refused one is recorded there by its key.
///
/// A recorded key keeps its last good definition, or is dark. A key that is invalid itself is only reported, because no
/// program can read it.
fn flag(decoder: &mut Decoder<'_>, entry: &Entry<'_>, gates: &Gates<'_>, set: &mut FlagSet) {
    let path = join("flags", &entry.name);
    let Ok(key) = FlagKey::new(&entry.name) else {
        return decoder.problem(entry.offset, &path, illegal_key(&entry.name), KEY);
    };
    // Part of a flag may include subjects that the whole flag excludes, so any problem refuses the flag.
    let flag = decoder.if_clean(|decoder| match &entry.node.value {
        Value::Bool(true) => Some(Flag::on()),
        Value::Bool(false) => Some(Flag::off()),
        Value::Text(text) if text.ends_with('%') => {
            decoder.percent(&path, &entry.node).map(|percent| Flag::on().with_rollout(percent))
        }
        Value::Table(table) => Some(long_form(decoder, &path, table)),
        _ => {
            short_form_problem(decoder, &path, &entry.node);
            None
        }
    });
    match flag {
        Some(flag) => set.insert(key, gates.apply(flag, &entry.node)),
        // Turning a flag off must always work, so `on = false` counts whatever else is wrong. The gate stays, because a
        // higher layer may turn the flag on.
        None if is_off(&entry.node) => set.insert(key, gates.apply(Flag::off(), &entry.node)),
        None => set.insert_invalid(key),
    }
}

/// Returns whether the flag says `on = false`, whatever else it says.
///
/// The value must be exactly that. `on = "false"` is a problem, and may have been meant as either.
fn is_off(node: &Node<'_>) -> bool {
    let Value::Table(entries) = &node.value else { return false };
    // A migration that is off reads the old data, which may be stale.
    if migration::is_migration(entries) {
        return false;
    }
    entries.iter().any(|entry| entry.name == "on" && matches!(entry.node.value, Value::Bool(false)))
}

/// Reports a value that is neither a switch nor a percentage nor a table, with advice if its meaning is likely.
fn short_form_problem(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) {
    match switch_help(&node.value) {
        Some(help) => decoder.invalid_with_help(path, node, SHORT_FORM, help),
        None => decoder.invalid(path, node, SHORT_FORM),
    }
}

/// Returns advice for a value that was probably meant as a switch or a percentage.
///
/// A number without a sign is not accepted as a percentage: `search = 1` could mean 1 percent or true.
fn switch_help(value: &Value<'_>) -> Option<String> {
    let (Value::Number(text) | Value::Text(text)) = value else { return None };
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" => Some("write true, without quotes".to_owned()),
        "false" | "off" | "no" => Some("write false, without quotes".to_owned()),
        _ => text.parse::<Percent>().is_ok().then(|| format!("write \"{text}%\" for a rollout of {text} percent")),
    }
}

/// Decodes the table of a flag. The caller drops the flag if there was a problem.
///
/// Variants are decoded first, because rules refer to them. A flag without `on` is off.
fn long_form(decoder: &mut Decoder<'_>, base: &str, table: &Table<'_>) -> Flag {
    let find = |name: &str| table.entry(name).map(|entry| &entry.node);
    let variants = variants::variants(decoder, base, find("variants"), find("values"));
    let inherits = find("inherit").filter(|node| matches!(node.value, Value::Bool(true)));
    let mut flag =
        inherits.map_or_else(Flag::off, |node| Flag::inherit().with_inherit_location(decoder.location(node)));
    if migration::is_migration(table) {
        flag = migration::migration(decoder, base, table);
    }
    let names = match (&variants, inherits) {
        // The merge checks the names, because another layer may declare the variants.
        (None, Some(_)) => VariantNames::Inherited,
        (variants, _) => VariantNames::Of(variants.as_ref()),
    };
    let mut metadata = Metadata::default();
    for entry in table {
        let node = &entry.node;
        let path = join(base, &entry.name);
        match &*entry.name {
            "on" => {
                let switch = switch(decoder, &path, node);
                flag = with(flag, switch, |flag, on| if on { flag.enabled() } else { flag.disabled() });
            }
            "inherit" if matches!(node.value, Value::Bool(_)) => {}
            "inherit" => decoder.invalid(&path, node, "true or false"),
            "rollout" => flag = with(flag, decoder.percent(&path, node), Flag::with_rollout),
            "salt" => flag = with(flag, decoder.text(&path, node), Flag::with_salt),
            "by" => flag = with(flag, decoder.hashed_attribute(&path, node), Flag::with_bucket_by),
            "requires" => flag = flag.with_prerequisites(requires(decoder, &path, node)),
            "rules" => flag = flag.with_rules(rule_list(decoder, &path, node, names)),
            // `variants` and `values` are decoded above, `stage` and `partition` in `migration`, the others elsewhere.
            "variants" | "values" | "stage" | "partition" | "gate" | "allow" => {}
            "approval" => flag = flag.with_approvals(approvals::approvals(decoder, &path, node)),
            "description" => metadata.description = decoder.text(&path, node).map(Box::from),
            "owner" => metadata.owner = decoder.text(&path, node).map(Box::from),
            "kind" => metadata.kind = kind(decoder, &path, node),
            "created" => metadata.created = date(decoder, &path, node),
            "expires" => metadata.expires = date(decoder, &path, node),
            "disabled" | "disable" | "inactive" => {
                let help = "did you mean `on`, with the opposite value?";
                decoder.problem_with_help(entry.offset, &path, unknown_key(&entry.name), one_of(&FLAG), help);
            }
            name if is_dotted(name, entry, table) => {
                let help = "put a key with a dot in quotes, such as \"team.search\"";
                decoder.problem_with_help(entry.offset, &path, unknown_key(name), one_of(&FLAG), help);
            }
            _ => decoder.unknown(base, entry, &FLAG),
        }
    }
    if let Some(variants) = variants {
        flag = flag.with_variants(variants);
    }
    #[cfg(feature = "approvals")]
    if let Some(digest) = super::digest::of_flag(table) {
        flag = flag.with_digest(digest);
    }
    if metadata == Metadata::default() { flag } else { flag.with_metadata(metadata) }
}

/// Decodes the switch of a flag, with advice for a text that was meant as one.
fn switch(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Option<bool> {
    if let Value::Bool(on) = node.value {
        return Some(on);
    }
    match switch_help(&node.value).filter(|_| matches!(node.value, Value::Text(_))) {
        Some(help) => decoder.invalid_with_help(path, node, "true or false", help),
        None => decoder.invalid(path, node, "true or false"),
    }
    None
}

/// Returns whether an unknown key is probably the second part of a flag's key that has a dot and lacks quotes.
///
/// `[flags.team.search]` makes a table `search` in the flag `team`. `team.search = true` makes a value there, in a
/// table that has no header of its own. A usual word of another tool is neither.
fn is_dotted(name: &str, entry: &Entry<'_>, flag: &Table<'_>) -> bool {
    let is_flag = match &entry.node.value {
        Value::Table(_) => true,
        Value::Bool(_) => matches!(flag.origin, Origin::DottedKey | Origin::InnerHeader),
        _ => false,
    };
    is_flag && !is_schedule(name) && synonym(name, &FLAG).is_none() && nearest(name, FLAG).is_none()
}

/// Sets a part of the flag if its value is valid. An invalid one was reported, and the flag is dropped later.
fn with<T>(flag: Flag, value: Option<T>, set: impl FnOnce(Flag, T) -> Flag) -> Flag {
    match value {
        Some(value) => set(flag, value),
        None => flag,
    }
}

/// Decodes `requires`: the keys of the flags that must be on as well.
///
/// The merge checks whether these flags exist, because another layer may declare them. Each reference keeps its
/// location for that.
fn requires(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Vec<Reference> {
    let mut references = Vec::new();
    for item in decoder.array(path, node, "keys") {
        if let Some(text) = decoder.text(path, item) {
            match FlagKey::new(text) {
                Ok(_) => references.push(Reference::new(text).at(decoder.location(item))),
                Err(_) => decoder.problem(item.offset(), path, item.describe(), KEY),
            }
        }
    }
    references
}

/// Decodes `rules`, in order. The path of a rule has its index, as `explain` numbers rules.
///
/// An invalid rule stays in the list, which does not matter: its problem refuses the flag.
fn rule_list(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>, variants: VariantNames<'_>) -> Vec<Rule> {
    let rules = decoder.array(path, node, "rules").iter().enumerate();
    rules.map(|(index, rule)| rules::rule(decoder, &format!("{path}[{index}]"), rule, variants)).collect()
}

/// Decodes the kind of a flag, with a suggestion for a misspelled one.
///
/// Kinds are closed words, not free text: `flagkit check` requires other metadata of an experiment than of a release.
fn kind(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Option<Kind> {
    let text = match &node.value {
        Value::Text(text) => &**text,
        _ => "",
    };
    let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
    if kind.is_none() {
        let words = Kind::ALL.map(Kind::as_str);
        match nearest(text, words) {
            Some(word) => {
                let help = format!("did you mean \"{word}\"?");
                decoder.invalid_with_help(path, node, one_of(&words), help);
            }
            None => decoder.invalid(path, node, one_of(&words)),
        }
    }
    kind
}

/// Decodes a date without a time: a TOML date, or a text that holds one, since JSON has no dates.
///
/// Dates are metadata for people and for `flagkit check`; no evaluation reads them.
fn date(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Option<Date> {
    let date = match &node.value {
        Value::Text(text) => text.parse().ok(),
        Value::Datetime(text) => text.parse().ok(),
        _ => None,
    };
    if date.is_none() {
        decoder.invalid(path, node, "a day such as 2027-02-01");
    }
    date
}
