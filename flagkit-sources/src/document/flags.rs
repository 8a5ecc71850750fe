//! From nodes to flags, collecting all problems on the way.

use std::borrow::Cow;

use flagkit_core::{Date, Flag, FlagKey, FlagSet, Kind, Load, LoadError, Metadata, Percent, Problem};

use super::lines::Lines;
use super::node::{Entry, Node, Value, shorten};
use super::suggest::nearest;

const TOP_LEVEL: [&str; 2] = ["flags", "meta"];
const META: [&str; 1] = ["flags"];
const FLAG: [&str; 9] = ["description", "owner", "kind", "created", "expires", "on", "rollout", "salt", "by"];

/// Part of the format, and not understood by this version. Such a flag is dark: who the parts would have kept out is
/// not known.
const LATER: [&str; 4] = ["rules", "requires", "variants", "values"];

/// What people write who want a timer.
const SCHEDULES: [&str; 14] = [
    "start_at",
    "starts_at",
    "start",
    "end_at",
    "ends_at",
    "end",
    "schedule",
    "scheduled",
    "cron",
    "enable_at",
    "disable_at",
    "active_from",
    "active_until",
    "at",
];

const SHORT_FORM: &str = "true, false, a percentage such as \"25%\", or a table";
const PERCENT: &str = "a percentage from 0 to 100 with at most 6 decimals";

/// Decodes a document.
pub(super) fn decode(root: &Node<'_>, lines: &Lines<'_>) -> Result<Load, LoadError> {
    let mut decoder = Decoder { lines, problems: Vec::new(), flags: FlagSet::new() };
    match decoder.document(root) {
        Ok(()) => Ok(Load::new(decoder.flags).with_problems(decoder.problems)),
        Err(Refused(message)) => Err(LoadError::new(message).with_problems(decoder.problems)),
    }
}

struct Decoder<'a> {
    lines: &'a Lines<'a>,
    problems: Vec<Problem>,
    flags: FlagSet,
}

/// The document is refused as a whole; its problems are in the decoder.
struct Refused(&'static str);

impl Decoder<'_> {
    fn document(&mut self, root: &Node<'_>) -> Result<(), Refused> {
        let Value::Table(entries) = &root.value else {
            self.problem(root.offset, "", root.describe(), "an object with a member `flags`");
            return Err(Refused("the document is not an object"));
        };
        let mut flags = None;
        let mut promised = None;
        for entry in entries {
            match &*entry.name {
                "flags" => flags = Some(&entry.node),
                "meta" => promised = self.meta(&entry.node),
                _ => self.unknown("", entry, &TOP_LEVEL),
            }
        }
        let Some(flags) = flags else {
            self.problem(root.offset, "flags", "nothing", "a table of flags");
            return Err(Refused("the document has no `flags` table"));
        };
        let Value::Table(entries) = &flags.value else {
            self.problem(flags.offset, "flags", flags.describe(), "a table of flags");
            return Err(Refused("`flags` is not a table"));
        };
        if let Some((node, promised)) = promised.filter(|(_, promised)| *promised != entries.len()) {
            let got = format!("{} flags", entries.len());
            self.problem(node.offset, "meta.flags", got, format!("{promised} flags, as the document says"));
            return Err(Refused("the document is not whole"));
        }
        for entry in entries {
            self.flag(entry);
        }
        Ok(())
    }

    /// Reads `[meta]`: how many flags there are, by which half a document gives itself away.
    fn meta<'n, 't>(&mut self, node: &'n Node<'t>) -> Option<(&'n Node<'t>, usize)> {
        let Value::Table(entries) = &node.value else {
            self.problem(node.offset, "meta", node.describe(), "a table");
            return None;
        };
        let mut promised = None;
        for entry in entries {
            match (&*entry.name, &entry.node.value) {
                ("flags", Value::Number(number)) => match number.parse() {
                    Ok(count) => promised = Some((&entry.node, count)),
                    Err(_) => self.problem(entry.node.offset, "meta.flags", entry.node.describe(), "a whole number"),
                },
                ("flags", _) => {
                    self.problem(entry.node.offset, "meta.flags", entry.node.describe(), "a whole number");
                }
                _ => self.unknown("meta", entry, &META),
            }
        }
        promised
    }

    fn flag(&mut self, entry: &Entry<'_>) {
        let path = format!("flags.{}", quoted(&entry.name));
        let key = match FlagKey::new(&entry.name) {
            Ok(key) => key,
            Err(error) => {
                self.problem(entry.offset, &path, error.to_string(), "a legal key");
                return;
            }
        };
        let known = self.problems.len();
        let flag = match &entry.node.value {
            Value::Bool(true) => Some(Flag::on()),
            Value::Bool(false) => Some(Flag::off()),
            Value::Text(text) if text.ends_with('%') => {
                self.percent(&path, &entry.node, text).map(|percent| Flag::on().with_rollout(percent))
            }
            Value::Table(entries) => self.flag_table(&path, entries),
            other => {
                let problem = self.lines.problem(entry.node.offset, &path, entry.node.describe(), SHORT_FORM);
                self.problems.push(match other {
                    Value::Number(number) => {
                        problem.with_help(format!("write \"{number}%\" for a rollout of {number} percent"))
                    }
                    Value::Text(_) => problem.with_help("write true or false without quotes"),
                    _ => problem,
                });
                None
            }
        };
        match flag {
            Some(flag) if self.problems.len() == known => self.flags.insert(key, flag),
            _ => self.flags.refuse(key),
        }
    }

    /// Reads the long form. Whatever is wrong with any part of it refuses the flag: half a flag may let in people
    /// whom the whole flag keeps out.
    fn flag_table(&mut self, base: &str, entries: &[Entry<'_>]) -> Option<Flag> {
        let mut on = false;
        let mut rollout = Percent::HUNDRED;
        let mut salt = None;
        let mut by = None;
        let mut metadata = Metadata::default();
        for entry in entries {
            let node = &entry.node;
            let path = format!("{base}.{}", quoted(&entry.name));
            match &*entry.name {
                "on" => match node.value {
                    Value::Bool(value) => on = value,
                    _ => self.problem(node.offset, &path, node.describe(), "true or false"),
                },
                "rollout" => match &node.value {
                    Value::Number(text) | Value::Text(text) => rollout = self.percent(&path, node, text)?,
                    _ => self.problem(node.offset, &path, node.describe(), PERCENT),
                },
                "salt" => salt = self.text(&path, node),
                "by" => by = self.text(&path, node),
                "description" => metadata.description = self.text(&path, node).map(Box::from),
                "owner" => metadata.owner = self.text(&path, node).map(Box::from),
                "kind" => metadata.kind = self.kind(&path, node),
                "created" => metadata.created = self.date(&path, node),
                "expires" => metadata.expires = self.date(&path, node),
                _ => self.unknown(base, entry, &FLAG),
            }
        }
        let mut flag = if on { Flag::on() } else { Flag::off() }.with_rollout(rollout);
        if let Some(salt) = salt {
            flag = flag.with_salt(salt);
        }
        if let Some(by) = by {
            flag = flag.with_by(by);
        }
        if metadata != Metadata::default() {
            flag = flag.with_metadata(metadata);
        }
        Some(flag)
    }

    fn percent(&mut self, path: &str, node: &Node<'_>, text: &str) -> Option<Percent> {
        match text.parse() {
            Ok(percent) => Some(percent),
            Err(error) => {
                let problem = self.lines.problem(node.offset, path, node.describe(), PERCENT);
                self.problems.push(problem.with_help(format!("that is {error}")));
                None
            }
        }
    }

    fn text<'n>(&mut self, path: &str, node: &'n Node<'_>) -> Option<&'n str> {
        match &node.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => {
                self.problem(node.offset, path, node.describe(), "a text that is not empty");
                None
            }
        }
    }

    fn kind(&mut self, path: &str, node: &Node<'_>) -> Option<Kind> {
        let text = match &node.value {
            Value::Text(text) => &**text,
            _ => "",
        };
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == text);
        if kind.is_none() {
            let words = Kind::ALL.map(Kind::as_str);
            let problem = self.lines.problem(node.offset, path, node.describe(), one_of(&words));
            self.problems.push(match nearest(text, words) {
                Some(word) => problem.with_help(format!("did you mean \"{word}\"?")),
                None => problem,
            });
        }
        kind
    }

    fn date(&mut self, path: &str, node: &Node<'_>) -> Option<Date> {
        let date = match &node.value {
            Value::Text(text) => text.parse().ok(),
            Value::Datetime(text) => text.parse().ok(),
            _ => None,
        };
        if date.is_none() {
            self.problem(node.offset, path, node.describe(), "a day such as 2027-02-01");
        }
        date
    }

    fn unknown(&mut self, base: &str, entry: &Entry<'_>, known: &[&str]) {
        let name = quoted(&entry.name);
        let path = if base.is_empty() { name.to_string() } else { format!("{base}.{name}") };
        let is_flag = known == FLAG;
        let (expected, help) = if is_flag && SCHEDULES.contains(&&*entry.name) {
            let help = "a flag is turned on by a human who changes this file at the time, never by a clock";
            ("no schedule: time never turns anything on".to_owned(), Some(help.to_owned()))
        } else if is_flag && LATER.contains(&&*entry.name) {
            (one_of(known), Some("this version does not understand it, so the flag is refused".to_owned()))
        } else if let Some(word) = nearest(&entry.name, known.iter().copied()) {
            (one_of(known), Some(format!("did you mean `{word}`?")))
        } else if is_flag && matches!(entry.node.value, Value::Table(_)) {
            (one_of(known), Some("a key with a dot stands in quotes: [flags.\"team.search\"]".to_owned()))
        } else {
            (one_of(known), None)
        };
        let problem = self.lines.problem(entry.offset, &path, format!("the unknown key `{name}`"), expected);
        self.problems.push(match help {
            Some(help) => problem.with_help(help),
            None => problem,
        });
    }

    fn problem(&mut self, offset: usize, path: &str, got: impl Into<String>, expected: impl Into<String>) {
        self.problems.push(self.lines.problem(offset, path, got, expected));
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [word] => format!("`{word}`"),
        [first @ .., last] => format!("one of `{}` or `{last}`", first.join("`, `")),
    }
}

/// A name as it stands in a key path: quoted where TOML would have it so.
fn quoted(name: &str) -> Cow<'_, str> {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(format!("{:?}", shorten(name)))
    }
}
