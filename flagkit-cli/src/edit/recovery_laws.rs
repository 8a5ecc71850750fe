//! Properties of a new text for a damaged document, checked with random documents and random damage.

use std::collections::BTreeSet;
use std::ops::Range;

use flagkit_sources::document::Format;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::{recover, render_all_off, render_one_off, turn_all_off};

const KEYS: [&str; 6] = ["new-checkout", "search_v2", "team.beta-ui", "dark", "Legacy.API_1", "7days"];

/// A document, and the range of each occurrence of a key, with its quotes.
#[derive(Clone, Debug, Default)]
struct Written {
    text: String,
    keys: Vec<(&'static str, Range<usize>)>,
}

impl Written {
    fn push(&mut self, text: &str) {
        self.text += text;
    }

    /// Writes a key in one of several spellings.
    fn key(&mut self, key: &'static str, style: u8, is_json: bool) {
        let begin = self.text.len();
        let escaped = || format!("\"\\u{:04x}{}\"", u32::from(key.as_bytes()[0]), &key[1..]);
        let written = match style % 4 {
            0 if !is_json && !key.contains('.') => key.to_owned(),
            1 if !is_json => format!("'{key}'"),
            2 => escaped(),
            _ => format!("\"{key}\""),
        };
        self.text += &written;
        self.keys.push((key, begin..self.text.len()));
    }
}

/// How a document writes its table of flags, and each flag.
#[derive(Clone, Copy, Debug)]
enum Layout {
    Table,
    Headers,
    Dotted,
    Braces,
    Json,
    PrettyJson,
}

impl Layout {
    fn format(self) -> Format {
        if matches!(self, Self::Json | Self::PrettyJson) { Format::Json } else { Format::Toml }
    }
}

fn document() -> impl Strategy<Value = (Layout, Written)> {
    use Layout::{Braces, Dotted, Headers, Json, PrettyJson, Table};
    let layout = prop::sample::select(vec![Table, Headers, Dotted, Braces, Json, PrettyJson]);
    let flags = btree_set(prop::sample::select(&KEYS[..]), 1..=KEYS.len());
    let newline = prop::sample::select(vec!["\n", "\r\n"]);
    (layout, flags, vec(any::<u8>(), KEYS.len()), newline).prop_map(|(layout, flags, styles, newline)| {
        let mut written = Written::default();
        let flags: Vec<(&'static str, u8)> = flags.into_iter().zip(styles).collect();
        match layout {
            Json => json(&mut written, &flags, ""),
            PrettyJson => json(&mut written, &flags, "\n"),
            _ => toml(&mut written, layout, &flags),
        }
        let removed = |end: usize| written.text[..end].matches('\n').count() * (newline.len() - 1);
        let moved = written
            .keys
            .iter()
            .map(|(key, range)| (*key, range.start + removed(range.start)..range.end + removed(range.start)));
        (layout, Written { keys: moved.collect(), text: written.text.replace('\n', newline) })
    })
}

fn toml(written: &mut Written, layout: Layout, flags: &[(&'static str, u8)]) {
    written.push(match layout {
        Layout::Table => "# all: of them\n[flags]\n",
        Layout::Headers => "[segments.staff]\nif = { plan = [\"beta\", \"x\"] }\n\n",
        Layout::Braces => "flags = { ",
        _ => "",
    });
    for (index, (key, style)) in flags.iter().enumerate() {
        if matches!(layout, Layout::Braces) && index > 0 {
            written.push(", ");
        }
        written.push(match layout {
            Layout::Headers => "[flags.",
            Layout::Dotted if style & 4 == 0 => "flags . ",
            Layout::Dotted => "flags.",
            _ => "",
        });
        written.key(key, *style, false);
        written.push(match (layout, style >> 3 & 3) {
            (Layout::Headers, 0 | 1) => "]\nowner = \"me\"\non = true\nrollout = 25\n\n",
            (Layout::Headers, _) => "] # why\non = true\nrules = [{ subjects = [\"u1\", \"u2\"], rollout = 50 }]\n",
            (Layout::Braces, 0) => " = true",
            (Layout::Braces, _) => " = { on = true, rollout = 5 }",
            (_, 0) => " = true # on\n",
            (_, 1) => "=\"25%\"\n",
            (_, 2) => ".on = true\n",
            _ => " = { on = true, requires = [\"dark\"] }\n",
        });
    }
    if matches!(layout, Layout::Braces) {
        written.push(" }\n");
    }
}

fn json(written: &mut Written, flags: &[(&'static str, u8)], line: &str) {
    written.push(&format!("{{{line}\"flags\":{{"));
    for (index, (key, style)) in flags.iter().enumerate() {
        written.push(&format!("{}{line}", if index > 0 { "," } else { "" }));
        written.key(key, *style, true);
        written.push(match style >> 3 & 3 {
            0 => ":true",
            1 => ": \"25%\"",
            2 => ": {\"on\": true, \"owner\": \"me\"}",
            _ => ":{\"on\":true,\"requires\":[\"dark\"],\"rules\":[{\"rollout\":5}]}",
        });
    }
    written.push(&format!("}}}}{line}"));
}

/// One damage: at a position, in thousandths of the text.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Delete(usize),
    Insert(usize, u8),
    Replace(usize, u8),
    Truncate(usize),
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let byte = prop_oneof![4 => prop::sample::select(&b"{}[]\"'=:,.#\\\n \0x9"[..]), 1 => any::<u8>()];
    let one = prop_oneof![
        4 => (0..1000_usize).prop_map(Damage::Delete),
        4 => (0..1000_usize, byte.clone()).prop_map(|(at, byte)| Damage::Insert(at, byte)),
        4 => (0..1000_usize, byte).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        1 => (0..1000_usize).prop_map(Damage::Truncate),
    ];
    vec(one, 1..=4)
}

/// Damages the text. Returns the bytes, and the keys that are still recognizable.
///
/// A key is recognizable if it has its name and its quotes, and at most one byte around it is damaged.
fn damaged(written: &Written, damages: &[Damage]) -> (Vec<u8>, BTreeSet<&'static str>) {
    let len = written.text.len();
    let position = |at: usize| at * len / 1000;
    let mut ordered = damages.to_vec();
    let at = |damage: &Damage| match *damage {
        Damage::Delete(at) | Damage::Insert(at, _) | Damage::Replace(at, _) | Damage::Truncate(at) => position(at),
    };
    // From the end on, so that the positions before stay.
    ordered.sort_by_key(|damage| std::cmp::Reverse(at(damage)));
    let mut bytes = written.text.clone().into_bytes();
    let mut end = len;
    for damage in &ordered {
        match *damage {
            Damage::Delete(at) if position(at) < bytes.len() => _ = bytes.remove(position(at)),
            Damage::Insert(at, byte) => bytes.insert(position(at).min(bytes.len()), byte),
            Damage::Replace(at, byte) if position(at) < bytes.len() => bytes[position(at)] = byte,
            Damage::Truncate(at) => {
                bytes.truncate(position(at));
                end = end.min(position(at));
            }
            _ => {}
        }
    }
    let count = |range: Range<usize>| ordered.iter().filter(|damage| range.contains(&at(damage))).count();
    let is_recognizable = |range: &Range<usize>| {
        let (first, last) = (range.start.saturating_sub(1), range.end + 1);
        last + 8 < end && count(first..last) == 0 && count(first.saturating_sub(12)..last + 8) <= 1
    };
    let keys = written.keys.iter().filter(|(_, range)| is_recognizable(range)).map(|(key, _)| *key).collect();
    (bytes, keys)
}

/// Returns the keys that a document turns off. Every flag of the document must be off.
fn keys_off(format: Format, text: &str) -> BTreeSet<String> {
    let load = format.read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let flags = load.flags();
    for key in flags.keys() {
        assert!(flags.get(key.as_str()).is_some_and(|flag| !flag.is_enabled()), "{key} in {text}");
    }
    flags.keys().map(ToString::to_string).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

    #[test]
    fn a_new_text_turns_off_every_key_that_is_still_recognizable((layout, written) in document(), damages in damages()) {
        let format = layout.format();
        let whole: BTreeSet<&str> = written.keys.iter().map(|(key, _)| *key).collect();
        let keys: BTreeSet<&str> = format.read(written.text.as_bytes()).map(|load| {
            assert!(load.problems().is_empty(), "{:?}\n{}", load.problems(), written.text);
            whole.iter().copied().filter(|key| load.flags().contains(key)).collect()
        }).unwrap_or_default();
        prop_assert_eq!(&keys, &whole, "{}", written.text);

        let (bytes, recognizable) = damaged(&written, &damages);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let recovered = recover(format, &bytes);
        if let Ok(load) = format.read(&bytes) {
            // Programs accept the document, so a key that it does not declare is gone already.
            let off = turn_all_off(format, &text, &BTreeSet::new(), &BTreeSet::new()).map(|text| keys_off(format, &text));
            let declared: BTreeSet<String> = load.flags().keys().map(ToString::to_string).collect();
            prop_assert!(off.is_none_or(|off| off == declared), "{}", text);
            prop_assert_eq!(recovered.keys, declared);
            return Ok(());
        }
        let off = keys_off(format, &render_all_off(format, &recovered));
        for key in recognizable {
            prop_assert!(off.contains(key), "{} is lost: {:?}\n{}\n---\n{}", key, recovered.keys, written.text, text);
            let one = render_one_off(format, key, &recovered);
            let load = format.read(one.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{one}"));
            prop_assert!(load.flags().get(key).is_some_and(|flag| !flag.is_enabled()));
            for other in recovered.keys.iter().filter(|other| *other != key) {
                prop_assert!(load.flags().contains(other) && load.flags().get(other).is_none(), "{}", one);
            }
        }
    }
}
