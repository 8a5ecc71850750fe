//! A set of flags written as TOML and as JSON loads to equal sets, whatever its size. No mangled document makes the
//! reader panic.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use flagkit_core::source::{Kind, Metadata, Payload};
use flagkit_core::{Date, Flag, FlagKey, FlagSet, Flags, Percent};
use flagkit_sources::document::Format;
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;

use crate::support::quote::{json_text, toml_text};

fn text() -> impl Strategy<Value = String> {
    // Some texts need escapes in one of the formats, others do not.
    prop_oneof![
        "[a-z]{1,12}",
        "\\PC{1,20}",
        proptest::collection::vec(any::<char>(), 1..8).prop_map(|chars| chars.into_iter().collect())
    ]
}

fn percent() -> impl Strategy<Value = Percent> {
    prop_oneof![
        (0..=100_u8).prop_map(|whole| Percent::new(whole).expect("in range")),
        (0..=100_000_000_u32).prop_map(|millionths| Percent::from_millionths(millionths).expect("in range")),
    ]
}

fn date() -> impl Strategy<Value = Date> {
    (0..=9999_u16, 1..=12_u8, 1..=28_u8).prop_map(|(year, month, day)| Date::new(year, month, day).expect("a day"))
}

fn metadata() -> impl Strategy<Value = Metadata> {
    // A migration has no switch; `migrations` tests its documents.
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Migration).collect();
    let kind = option::of(prop::sample::select(kinds));
    (option::of(text()), option::of(text()), kind, option::of(date()), option::of(date())).prop_map(
        |(description, owner, kind, created, expires)| {
            let mut metadata = Metadata::default();
            metadata.description = description.map(Into::into);
            metadata.owner = owner.map(Into::into);
            metadata.kind = kind;
            metadata.created = created;
            metadata.expires = expires;
            metadata
        },
    )
}

fn flag() -> impl Strategy<Value = Flag> {
    let by = option::of(text()).prop_filter("the id is no attribute", |by| by.as_deref() != Some("id"));
    (any::<bool>(), option::of(percent()), option::of(text()), by, metadata()).prop_map(
        |(on, rollout, salt, by, metadata)| {
            let mut flag = if on { Flag::on() } else { Flag::off() };
            flag = rollout.map_or(flag.clone(), |rollout| flag.with_rollout(rollout));
            flag = salt.map_or(flag.clone(), |salt| flag.with_salt(&salt));
            flag = by.map_or(flag.clone(), |by| flag.with_bucket_by(&by));
            if metadata == Metadata::default() { flag } else { flag.with_metadata(metadata) }
        },
    )
}

fn flag_set() -> impl Strategy<Value = FlagSet> {
    let key = "[A-Za-z0-9][A-Za-z0-9._-]{0,20}".prop_map(|key| FlagKey::new(key).expect("a key"));
    btree_map(key, flag(), 0..12).prop_map(FromIterator::from_iter)
}

/// The fields of a flag, each with its value in the syntax of the format.
fn fields(flag: &Flag, text: fn(&str) -> String, date: fn(Date) -> String) -> Vec<(&'static str, String)> {
    let mut fields = vec![("on", flag.is_enabled().to_string())];
    // Only texts carry the sign; numbers do not.
    fields.push(("rollout", flag.rollout().to_string().trim_end_matches('%').to_owned()));
    fields.extend(flag.salt().map(|salt| ("salt", text(salt))));
    fields.extend(flag.bucket_by().map(|by| ("by", text(by))));
    if let Some(metadata) = flag.metadata() {
        fields.extend(metadata.description.as_deref().map(|description| ("description", text(description))));
        fields.extend(metadata.owner.as_deref().map(|owner| ("owner", text(owner))));
        fields.extend(metadata.kind.map(|kind| ("kind", text(kind.as_str()))));
        fields.extend(metadata.created.map(|created| ("created", date(created))));
        fields.extend(metadata.expires.map(|expires| ("expires", date(expires))));
    }
    fields
}

fn toml(flags: &FlagSet) -> String {
    let mut document = format!("[meta]\nflags = {}\n[flags]\n", flags.len());
    for key in flags.keys() {
        let flag = flags.get(key.as_str()).expect("declared");
        writeln!(document, "[flags.{}]", toml_text(key.as_str())).expect("written");
        for (name, value) in fields(flag, toml_text, |date| date.to_string()) {
            writeln!(document, "{name} = {value}").expect("written");
        }
    }
    document
}

fn json(flags: &FlagSet) -> String {
    let flag = |key: &FlagKey| {
        let fields = fields(flags.get(key.as_str()).expect("declared"), json_text, |date| format!("\"{date}\""));
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        format!("{}: {{{}}}", json_text(key.as_str()), fields.join(", "))
    };
    let all: Vec<_> = flags.keys().map(flag).collect();
    format!("{{\"meta\": {{\"flags\": {}}}, \"flags\": {{{}}}}}", flags.len(), all.join(",\n"))
}

/// Valid and invalid documents: a mutation of an invalid one may cause more damage.
static DOCUMENTS: LazyLock<Vec<(Format, Vec<u8>)>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/documents");
    let files = ["good", "bad"].iter().flat_map(|folder| fs::read_dir(root.join(folder)).expect("the folder"));
    let paths = files.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| !path.to_string_lossy().ends_with(".expected.json"))
        .map(|path| (Format::from_path(&path), fs::read(&path).expect("a document")))
        .collect()
});

/// The flags with the digests of a load, which a flag built in code has not.
fn with_digests(flags: &FlagSet, loaded: &FlagSet) -> FlagSet {
    let digest = |key: &FlagKey| loaded.get(key.as_str()).and_then(|flag| flag.digests().first().copied());
    let flags = flags.keys().map(|key| {
        let flag = flags.get(key.as_str()).expect("declared").clone();
        (key.clone(), digest(key).map_or(flag.clone(), |digest| flag.with_digest(digest)))
    });
    flags.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_set_written_in_either_format_loads_unchanged(flags in flag_set()) {
        for (format, document) in [(Format::Toml, toml(&flags)), (Format::Json, json(&flags))] {
            let load = format.read(document.as_bytes());
            let load = load.map_err(|error| TestCaseError::fail(format!("{error}\n{document}")))?;
            prop_assert_eq!(load.problems(), &[], "{}", document);
            prop_assert_eq!(load.flags(), &with_digests(&flags, load.flags()), "{}", document);
        }
        let toml = Format::Toml.read(toml(&flags).as_bytes()).expect("valid");
        let json = Format::Json.read(json(&flags).as_bytes()).expect("valid");
        prop_assert_eq!(toml.flags(), json.flags());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_mangled_document_never_panics(
        index in any::<prop::sample::Index>(),
        bytes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..4),
        as_toml in any::<Option<bool>>(),
    ) {
        let (format, mut document) = index.get(&DOCUMENTS).clone();
        for (folder, byte, how) in bytes {
            if document.is_empty() {
                break;
            }
            let folder = folder.index(document.len());
            match how {
                0 => document[folder] = byte,
                1 => document.insert(folder, byte),
                2 => drop(document.remove(folder)),
                _ => document.truncate(folder),
            }
        }
        let format = match as_toml {
            Some(true) => Format::Toml,
            Some(false) => Format::Json,
            None => format,
        };
        match format.read(&document) {
            // The reader never accepts part of a flag: the flag has no problem, or it is rejected.
            Ok(load) => {
                let refused = load.flags().keys().filter(|key| load.flags().get(key.as_str()).is_none()).count();
                prop_assert!(refused <= load.problems().len());
            }
            Err(error) => {
                prop_assert!(!error.problems().is_empty());
                prop_assert!(error.problems().iter().all(|problem| problem.location().is_some()));
            }
        }
    }
}

/// The fuzz target `twins` found this: the names came out sorted in TOML.
#[test]
fn the_names_of_a_value_keep_the_order_of_the_document() {
    let toml = "flags.a = { on = true, variants = { v = 1 }, values.v = { z = 1, a = { y = 2, b = 3 } } }";
    let json =
        r#"{"flags": {"a": {"on": true, "variants": {"v": 1}, "values": {"v": {"z": 1, "a": {"y": 2, "b": 3}}}}}}"#;
    let payload = |format: Format, text: &str| {
        let flags = Flags::fixed(format.read(text.as_bytes()).expect("loads").flags().clone());
        flags.variant("a", "u1").expect("a variant").payload().cloned()
    };
    let table = |names: [(&str, Payload); 2]| Payload::Table(names.map(|(name, value)| (name.into(), value)).into());
    let inner = table([("y", Payload::Integer(2)), ("b", Payload::Integer(3))]);
    let expected = Some(table([("z", Payload::Integer(1)), ("a", inner)]));
    assert_eq!(payload(Format::Toml, toml), expected);
    assert_eq!(payload(Format::Json, json), expected);
}

/// Flips each bit of each byte of each valid document once.
#[test]
fn no_single_bit_makes_a_document_panic() {
    for (format, document) in DOCUMENTS.iter().filter(|(_, document)| document.len() < 1_000) {
        let mut document = document.clone();
        for folder in 0..document.len() {
            for bit in 0..8 {
                document[folder] ^= 1 << bit;
                let _ = format.read(&document);
                document[folder] ^= 1 << bit;
            }
        }
    }
}

/// A prefix of a document is rejected if the document declares its number of flags.
#[test]
fn no_prefix_of_a_counted_document_loads() {
    let flags: FlagSet = (0..40)
        .map(|n| (FlagKey::new(format!("flag-{n}")).expect("a key"), if n % 2 == 0 { Flag::on() } else { Flag::off() }))
        .collect();
    for (format, document) in [(Format::Toml, toml(&flags)), (Format::Json, json(&flags))] {
        let whole = document.trim_end().len();
        for end in 0..whole {
            let load = format.read(&document.as_bytes()[..end]);
            // The last flag may lack its last fields, because a prefix cannot reveal that they are missing.
            let is_last = document[..end].contains("flag-9\"]");
            assert!(load.is_err() || is_last, "{format:?}: the first {end} of {whole} bytes load");
        }
        assert!(format.read(document.as_bytes()).is_ok());
    }
}

#[test]
fn a_hundred_thousand_flags_load_in_both_formats() {
    let flags: FlagSet = (0..100_000)
        .map(|n| {
            let key = FlagKey::new(format!("team.flag-{n}")).expect("a key");
            let percent = Percent::from_millionths(n * 1_000).expect("in range");
            (key, Flag::on().with_rollout(percent))
        })
        .collect();
    for (format, document) in [(Format::Toml, toml(&flags)), (Format::Json, json(&flags))] {
        let start = std::time::Instant::now();
        let load = format.read(document.as_bytes()).expect("loads");
        println!("{format:?}: {} bytes in {:?}", document.len(), start.elapsed());
        assert!(load.problems().is_empty());
        assert!(load.flags() == &flags, "{format:?}");
    }
}
