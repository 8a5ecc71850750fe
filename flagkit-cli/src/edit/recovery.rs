//! The keys that a text may declare, if no parser accepts the text.
//!
//! A text that is not well-formed has no tree, and a document without its `flags` table has no flags. But programs that
//! loaded the document before keep its flags, and a new document must turn off each of them. A key that it omits would
//! get the definition of a lower layer, which may be on.
//!
//! So the scan finds too many keys rather than too few. It does not depend on balanced brackets or quotes: a name
//! counts wherever a key could be, in any section. Names of fields count only if they are in a table of flags, or if
//! their value is that of a flag.

use std::collections::BTreeSet;

use flagkit_core::FlagKey;
use flagkit_sources::document::Format;

/// Names of tables and of fields, which are rarely names of flags.
const FIELDS: [&str; 27] = [
    "allow",
    "any",
    "by",
    "check",
    "created",
    "defaults",
    "description",
    "expires",
    "flags",
    "gate",
    "if",
    "inherit",
    "kind",
    "meta",
    "name",
    "on",
    "owner",
    "partition",
    "requires",
    "rollout",
    "rules",
    "salt",
    "segment",
    "segments",
    "stage",
    "subjects",
    "values",
];

/// The names that a document declares, or may declare if no parser accepts it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recovered {
    /// The keys of flags.
    pub(crate) keys: BTreeSet<String>,
    /// Those of the keys that are migrations, or may be: a field that only migrations have follows them.
    pub(crate) migrations: BTreeSet<String>,
    /// The names of segments. Unlike keys, they are found only in a table `segments`.
    pub(crate) segments: BTreeSet<String>,
}

/// Returns each name that the bytes may declare.
///
/// Keys are ASCII, so the text without its NULs also has the keys of a document in UTF-16 or UTF-32.
pub(super) fn scan(format: Format, bytes: &[u8]) -> Recovered {
    let text = unescape(&String::from_utf8_lossy(bytes).replace('\0', ""));
    let paths = paths(&text);
    let mut scanner = Scanner { is_toml: format != Format::Json, ..Scanner::default() };
    let (mut end, mut line) = (0, Line::default());
    for (index, path) in paths.iter().enumerate() {
        line.read(&text[end..path.start]);
        let (next, next_end) = paths.get(index + 1).map_or((text.len(), text.len()), |next| (next.start, next.end));
        let around = Surroundings {
            before: &text[end..path.start],
            line,
            text: &text[path.start..path.end],
            gap: &text[path.end..next],
            next: &text[next..next_end],
            after_next: &text[next_end..],
        };
        scanner.read(path, &around);
        line.has_path = true;
        end = path.end;
    }
    scanner.found.keys.retain(|key| FlagKey::new(key).is_ok());
    scanner.found.migrations.retain(|key| FlagKey::new(key).is_ok());
    scanner.found
}

/// Replaces the escapes of characters that a key may have.
fn unescape(text: &str) -> String {
    let mut new = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        new += before;
        let digits = match escape.as_bytes().get(1) {
            Some(b'u') => 4,
            Some(b'U') => 8,
            Some(b'x') => 2,
            _ => 0,
        };
        let code = escape.get(2..2 + digits).and_then(|code| u32::from_str_radix(code, 16).ok());
        let decoded = code.and_then(char::from_u32).filter(|c| is_key_char(*c));
        new.push(decoded.unwrap_or('\\'));
        rest = &escape[if decoded.is_some() { 2 + digits } else { 1 }..];
    }
    new + rest
}

fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Names joined by dots, such as `flags."a.b".on`, and the ends of their range.
struct Path {
    start: usize,
    end: usize,
    names: Vec<String>,
    /// More readings of a name that lacks one of its quotes: `a.b"` is one name or two.
    others: Vec<String>,
}

/// Returns the paths of a text. Every run of characters that a key may have is part of one.
fn paths(text: &str) -> Vec<Path> {
    let mut paths: Vec<Path> = Vec::new();
    let mut rest = 0;
    while let Some(start) = text[rest..].find(is_key_char).map(|at| rest + at) {
        let end = text[start..].find(|c| !is_key_char(c)).map_or(text.len(), |at| start + at);
        rest = end;
        let run = &text[start..end];
        let is_joined = |path: &&mut Path| {
            let gap = &text[path.end..start];
            let has_dot = text[..path.end].ends_with('.') || run.starts_with('.');
            has_dot && gap.chars().all(|c| matches!(c, ' ' | '\t' | '"' | '\''))
        };
        if !paths.last_mut().is_some_and(|path| is_joined(&path)) {
            paths.push(Path { start, end, names: Vec::new(), others: Vec::new() });
        }
        let Some(Path { names, others, end: path_end, .. }) = paths.last_mut() else { break };
        *path_end = end;
        let parts = run.split('.').filter(|name| !name.is_empty()).map(str::to_owned);
        if run.bytes().all(|byte| byte == b'.') {
            continue;
        }
        match [text[..start].ends_with(['"', '\'']), text[end..].starts_with(['"', '\''])] {
            [false, false] => names.extend(parts),
            [true, true] => names.push(run.to_owned()),
            // A dotted key may end in a dot before a name in quotes.
            [false, true] if run.ends_with('.') => names.extend(parts),
            [true, false] if run.starts_with('.') => names.extend(parts),
            _ => {
                names.push(run.to_owned());
                others.extend(parts.chain(run.strip_prefix("flags.").map(str::to_owned)));
            }
        }
    }
    paths
}

/// The part of a line before a path. It is read once, because a whole document may be one line.
#[derive(Clone, Copy, Default)]
struct Line {
    has_path: bool,
    bracket: Bracket,
    has_comment: bool,
}

/// Where a line has its first opening bracket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Bracket {
    #[default]
    None,
    /// It is the first character, as of a header.
    First,
    Later,
}

impl Line {
    /// Reads the text between two paths.
    fn read(&mut self, text: &str) {
        let rest = text.rsplit_once(['\n', '\r']).map(|(_, rest)| rest);
        if rest.is_some() {
            *self = Self::default();
        }
        let rest = rest.unwrap_or(text);
        self.bracket = match self.bracket {
            Bracket::None if !self.has_path && rest.trim_start().starts_with('[') => Bracket::First,
            Bracket::None if rest.contains('[') => Bracket::Later,
            bracket => bracket,
        };
        self.has_comment |= rest.contains('#');
    }
}

/// The text around a path.
struct Surroundings<'t> {
    /// The text between the path before and this one.
    before: &'t str,
    /// The text before the path on its line.
    line: Line,
    /// The text of the path itself.
    text: &'t str,
    /// The text between the path and the next one.
    gap: &'t str,
    /// The text of the next path.
    next: &'t str,
    /// The whole text after the next path.
    after_next: &'t str,
}

impl Surroundings<'_> {
    /// Returns whether the path is the first on its line.
    fn is_first(&self) -> bool {
        !self.line.has_path
    }

    /// Returns whether `=` or `:` follows the path. The colons of a URL or of a time do not count.
    fn has_sign(&self) -> bool {
        let is_value = |rest: &str| rest.starts_with('/') || rest.is_empty() && self.next.starts_with(is_digit);
        let is_in_text = self.gap.strip_prefix(':').is_some_and(is_value);
        !is_in_text && self.gap.contains(['=', ':'])
    }

    fn has_switch(&self) -> bool {
        matches!(self.next, "true" | "false")
    }

    /// Returns whether a state of a flag follows the path: a switch or a percentage.
    fn has_state(&self) -> bool {
        self.has_switch() || is_percent(self.next, self.after_next)
    }

    /// Returns whether a key could be here, and not only a value. `names` are those of the path.
    fn is_at_key(&self, names: &[String], is_toml: bool) -> bool {
        let ends_in_value =
            self.text.ends_with("true") || self.text.ends_with("false") || is_percent(self.text, self.gap);
        // A dot instead of the sign joins a key and its value.
        if self.has_sign() || names.len() > 1 && ends_in_value {
            return true;
        }
        let is_number = self.text.chars().all(|c| is_digit(c) || matches!(c, '.' | '-'));
        let line_end = self.gap.find(['\n', '\r']).or(self.next.is_empty().then_some(self.gap.len()));
        let is_alone = self.is_first() && line_end.is_some_and(|end| self.gap[..end].trim().is_empty());
        let is_before_switch = self.has_switch() && self.gap.trim_matches(['"', '\'', ' ', '\t']).is_empty();
        if is_number {
            return is_alone || is_before_switch;
        }
        if matches!(self.text, "true" | "false" | "inf" | "nan") {
            return false;
        }
        let is_comment = is_toml && self.line.has_comment;
        // A last word without quotes is the rest of a cut value in JSON.
        let is_cut = !is_toml && is_alone && self.next.is_empty() && !self.before.ends_with(['"', '\'']);
        let is_entry = self.before.trim_end_matches(['"', '\'', ' ', '\t', '\r', '\n']).ends_with(['{', ',']);
        let sign = self.gap.trim_start_matches(['"', '\'', ' ', '\t', '\r', '\n']);
        let has_table =
            self.gap.split_once('{').is_some_and(|(sign, _)| !sign.contains(',') || FIELDS.contains(&self.next));
        self.has_switch()
            || is_percent(self.next, self.after_next)
            || has_table
            || self.is_first() && !is_comment && !is_cut
            || is_entry && !sign.starts_with([',', ']'])
    }

    /// Returns whether the path is the name of a flag file in a comment.
    fn is_file_name(&self, names: &[String], is_toml: bool) -> bool {
        is_toml && self.line.has_comment && matches!(names, [.., last] if last == "toml" || last == "json")
    }
}

/// Returns whether a text and the text after it are a percentage.
fn is_percent(text: &str, after: &str) -> bool {
    text.ends_with(is_digit) && after.starts_with('%')
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// The table that the entries around a path belong to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Section {
    Flags,
    Segments,
    #[default]
    Other,
}

impl Section {
    /// Returns the section that a path opens, as a header or before a brace.
    fn of(names: &[String]) -> Self {
        match names {
            [name] if name == "flags" => Self::Flags,
            [name] if name == "segments" => Self::Segments,
            _ => Self::Other,
        }
    }
}

/// An open brace.
#[derive(Default)]
struct Brace {
    section: Section,
    /// The name of the field to which the table in the braces belongs, unless it is one of several tables.
    field: Option<String>,
    /// The name before the brace, unless it is the one of a field.
    owner: Option<String>,
}

/// The state of a scan, which reads one path after the other.
#[derive(Default)]
struct Scanner {
    is_toml: bool,
    /// The section of the last header.
    header: Section,
    /// The brace that may follow the last path.
    next: Brace,
    braces: Vec<Brace>,
    /// The name of the last header, and the last name in front of a value. Either may be the flag of the fields after it.
    owners: [Option<String>; 2],
    /// The names that have a switch, which migrations have not.
    switches: BTreeSet<String>,
    found: Recovered,
}

impl Scanner {
    fn read(&mut self, path: &Path, around: &Surroundings<'_>) {
        for c in around.before.chars() {
            match c {
                '{' => self.braces.push(std::mem::take(&mut self.next)),
                '}' => _ = self.braces.pop(),
                '[' | ',' => self.next.field = None,
                _ => {}
            }
        }
        let names = path.names.as_slice();
        let field = |name: &String| FIELDS.contains(&name.as_str()) && !matches!(name.as_str(), "on" | "flags");
        let field = match names {
            [name] if field(name) => Some(name.clone()),
            _ => None,
        };
        let owner = names.iter().rfind(|name| !FIELDS.contains(&name.as_str())).cloned();
        self.next = Brace { section: Section::of(names), field, owner };
        // Every path of a line that begins with a bracket counts, because the header may be damaged.
        let is_header = self.is_toml && around.line.bracket == Bracket::First
            || self.is_toml && around.is_first() && around.line.bracket != Bracket::None;
        if is_header && around.is_first() {
            self.header = self.next.section;
            self.braces.clear();
        } else if !is_header && !around.is_at_key(names, self.is_toml) {
            // Whatever is around `flags.x`, it can hardly be anything else.
            let is_flag = matches!(names, [root, _, ..] if root == "flags");
            if !is_flag || around.is_file_name(names, self.is_toml) {
                return;
            }
        }
        self.read_migration(names, around, is_header);
        self.add_owner(names, is_header);
        let brace = self.braces.last().filter(|_| !is_header);
        let section = if is_header { Section::Other } else { brace.map_or(self.header, |brace| brace.section) };
        match (names, section) {
            ([root, key, rest @ ..], _) if root == "flags" => {
                self.found.keys.insert(key.clone());
                self.add(rest, false);
            }
            ([key, rest @ ..], Section::Flags) => {
                self.found.keys.insert(key.clone());
                self.add(rest, false);
            }
            ([root, name, ..], _) if root == "segments" => _ = self.found.segments.insert(name.clone()),
            ([root, field, ..], _) if ["gate", "check", "meta", "defaults"].contains(&root.as_str()) => {
                self.found.keys.extend((field == "on").then(|| root.clone()));
            }
            (names, section) => {
                if let ([name, ..], Section::Segments) = (names, section) {
                    self.found.segments.insert(name.clone());
                }
                self.add(names, around.has_state());
            }
        }
        self.add(&path.others, false);
    }

    /// Adds the name of a field in front of the innermost brace, if the brace has a field of a flag.
    ///
    /// One brace too many closes the table of flags, and a flag with the name of a field is beside it.
    fn add_owner(&mut self, names: &[String], is_header: bool) {
        let brace = self.braces.last().filter(|_| !is_header);
        if let (Some(Brace { field: Some(field), .. }), [name]) = (brace, names)
            && matches!(name.as_str(), "on" | "rollout" | "rules" | "requires" | "inherit")
        {
            self.found.keys.insert(field.clone());
        }
    }

    /// Adds the flag of a field that only migrations have: a stage, a partition, or their kind.
    fn read_migration(&mut self, names: &[String], around: &Surroundings<'_>, is_header: bool) {
        if is_header && around.is_first() {
            self.owners = [self.next.owner.clone(), None];
        }
        let has_kind = || around.next.len() > 2 && "migration".starts_with(around.next);
        let is_field = |name: &String| match name.as_str() {
            // A flag may have this name.
            "stage" | "partition" => !around.has_state(),
            // The dot of a dotted key may join the field and its value.
            "migration" => names.iter().any(|name| name == "kind"),
            "kind" => has_kind(),
            _ => false,
        };
        let field = names.iter().position(is_field);
        let before = names.get(..field.unwrap_or(names.len())).unwrap_or_default();
        let name = before.iter().rfind(|name| !FIELDS.contains(&name.as_str()));
        if let Some(name) = name {
            self.owners[1] = Some(name.clone());
        }
        let brace = self.braces.iter().rev().find_map(|brace| brace.owner.as_ref());
        if around.has_state() && names.last().is_some_and(|last| last == "on" || Some(last) == name) {
            self.switches.extend(name.or(brace).or(self.owners[0].as_ref()).cloned());
        }
        if field.is_some() {
            let owners = self.owners.iter().flatten().filter(|_| name.is_none()).chain(brace).chain(name);
            let mut owners: Vec<String> = owners.cloned().collect();
            // A header may be damaged, and then its fields seem to be those of the flag above it.
            if owners.iter().any(|owner| !self.switches.contains(owner)) {
                owners.retain(|owner| !self.switches.contains(owner));
            }
            self.found.migrations.extend(owners);
        }
    }

    /// Adds the names that are not names of fields. A field with the state of a flag is a flag after all.
    fn add(&mut self, names: &[String], has_state: bool) {
        let is_key =
            |name: &&String| !FIELDS.contains(&name.as_str()) || has_state && !matches!(name.as_str(), "on" | "flags");
        self.found.keys.extend(names.iter().filter(is_key).cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: Format, text: &str, expected: &[&str]) {
        let found = scan(format, text.as_bytes()).keys;
        let missing: Vec<_> = expected.iter().filter(|key| !found.contains(**key)).collect();
        assert!(missing.is_empty(), "{missing:?} of {text:?}: {found:?}");
    }

    #[test]
    fn migrations_are_told_from_other_flags() {
        for (format, text) in [
            (Format::Toml, "[flags]\ny = = true\n[flags.x]\nkind = \"migration\"\n"),
            (
                Format::Toml,
                "[flags]\ny = = true\n[flags.x]\nowner = \"me\"\nallow = { unused = \"z\" }\nstage = \"live\"\n",
            ),
            (Format::Toml, "flags.y = = true\nflags.x.stage = \"live\"\n"),
            (
                Format::Toml,
                "[flags]\ny = = true\nx = { description = \"y\", partition = \"tenant\", stage = \"off\" }\n",
            ),
            (Format::Toml, "[flags]\ny.on = = true\nx.kind.migration\n"),
            (Format::Toml, "[flags.x]\r\nkind = \"migr"),
            (Format::Toml, "[flags.y]\non = true\n x]\nkind = \"migration\"\nstage = \"live\"\n"),
            (Format::Toml, "[flags]\ny = true\nx = {\nstage = \"live\"\n"),
            (Format::Toml, "[flags.y]\nowner = \"me\"\non = false\n[flags x]\nstage = \"live\"\n"),
            (Format::Json, "{\"flags\": {\"y\": {\"on\": true, \"x\": {\"owner\": \"me\", \"stage\": \"live\"}}"),
            (Format::Json, "{\"flags\": {\"y\": tru, \"x\": \"stage\": \"live\"}}"),
        ] {
            let found = scan(format, text.as_bytes());
            assert!(found.migrations.contains("x") && !found.migrations.contains("y"), "{text:?}: {found:?}");
        }
        let flags = scan(Format::Toml, b"[flags]\nx = = true\nstage = true\npartition = \"25%\"\nkind = false\n");
        assert!(flags.migrations.is_empty(), "{flags:?}");
    }

    #[test]
    fn every_spelling_of_a_toml_key_is_found() {
        for text in [
            "flags.x = false\nflags.y = \n",
            "flags . x = false\n flags\t.\ty=\n",
            "\"flags\".\"x\" = false\n'flags'.'y' = \n",
            "flags.x.on = true\nflags . 'y' . on = = true\n",
            "flags = { x = true, y = { on = true }",
            "flags = { x.on = true, 'y'.on = true",
            "flags={x=true,\"y\"=\"25%\",}}",
            "[flags]\nx = true\ny = = true\n",
            "[ flags ]\n'x' = true\n\"\\u0079\" = tru\n",
            "[\"flags\"]\nx = true\ny",
            "[ flags . x ]\non = true\n[flags.\"y\"\non = true\n",
            "[[flags.x]]\n[[ flags.'y'.rules ]]\n=",
            "[flags]\rx = true\ry = = true\r",
            "[flags]\r\nx = true\r\ny = = true\r\n",
            "\u{feff}[flags]\nx = tru\ny.on = true\n",
            "<<<<<<< HEAD\n[flags]\nx = true\n=======\n[flags]\ny = true\n>>>>>>> branch\n",
            "[flgs]\nx = true\n[falgs.y]\n",
            "[flags]\nx true\ny : true\n",
            "[flags]\n# x = true\n#y.on=true\n=",
            "[flags.a]\nowner = \"\"\"\nx = true\n\"\"\ny = true\n",
        ] {
            check(Format::Toml, text, if text.ends_with('y') { &["x"] } else { &["x", "y"] });
        }
    }

    #[test]
    fn every_spelling_of_a_json_key_is_found() {
        for text in [
            "{\"flags\": {\"x\": true, \"y\": tru",
            "{\"flags\":{\"x\":true \"y\":true}}",
            "{\"flags\": {\"x\": true,, \"y\": {\"on\": true,}}}",
            "{'flags': {'x': true, 'y': {'on': true}}}",
            "{flags: {x: true, y: {on: true}}}",
            "{\"flags\": {\"x\": {\"on\": true, \"y\": true}}",
            "{\"flags\": // why\n{\"x\"\n:\ntrue, /* \" */ \"y\": true}}",
            "{\"flags\": {\"\\u0078\": true, \"y\" true}}",
            "{\"flags\": {\"x: true, \"y\": \"25%\"}",
            "{\"flgs\": {\"x\": true, \"y\": true}}",
            "{\"flags\": {x\": true, y\" 25}}",
        ] {
            check(Format::Json, text, &["x", "y"]);
        }
    }

    #[test]
    fn flags_may_have_the_names_of_fields() {
        check(Format::Toml, "[flags]\non = true\nrules = true\n= ", &["on", "rules"]);
        check(Format::Toml, "flags.on = true\nflags.gate = true\n=", &["on", "gate"]);
        check(Format::Toml, "[flags.x]\nowner = true\n[flags.owner]\n=", &["owner"]);
        check(Format::Toml, "flags = { on = true, any = {} } }", &["on", "any"]);
        check(Format::Json, "{\"flags\": {\"on\": {\"on\": true}, \"if\": true,}}", &["on", "if"]);
        check(Format::Toml, "[flags]\n\"a.b\" = true\n'c.d\" = true\ne.f\" = true\n", &["a.b", "c.d", "e.f"]);
    }

    #[test]
    fn a_key_may_be_alone_on_its_line_and_may_be_a_number() {
        check(Format::Toml, "[flags]\nx\ny = true\n2024 true\n404\n5-1 = tru\n", &["x", "y", "2024", "404", "5-1"]);
        check(Format::Toml, "[flags]\r\n\tx  \r\n\"a.b\"\r\n'2024' true\r\nlast", &["x", "a.b", "2024", "last"]);
        check(Format::Json, "{\"flags\": {\n\"x\"\n\"2024\" true\n\"y\"", &["x", "2024", "y"]);
    }

    #[test]
    fn flags_with_names_of_fields_are_found_after_a_brace_too_many() {
        let names = ["check", "gate", "name", "owner", "rules", "meta", "defaults", "kind", "values", "segment", "if"];
        for value in ["true", "\"25%\"", "{\"on\":true}", "{\"owner\":\"me\", \"on\": false}", "{ \"rollout\" : 5 }"] {
            for name in names {
                let text = format!("{{\"flags\":{{\"a\":{{\"on\":true}}}},\"{name}\":{value},\"z\":true}}}}");
                check(Format::Json, &text, &["a", name, "z"]);
            }
        }
        let text = "{\"flags\":{\"a\":{\"rules\":[{\"rollout\":5},{\"rollout\":6}]},}}";
        assert_eq!(scan(Format::Json, text.as_bytes()).keys, BTreeSet::from(["a".to_owned()]));
    }

    #[test]
    fn a_document_of_one_line_is_read_once() {
        use std::fmt::Write as _;
        let mut text = String::from("{\"flags\":{");
        for n in 0..20_000 {
            let _ = write!(text, "\"f{n}\":{{\"on\":true,\"owner\":\"team@example.com\"}},");
        }
        assert!(scan(Format::Json, text.as_bytes()).keys.len() >= 20_000);
        let toml = text.replace(':', "=").replace('"', "'");
        assert!(scan(Format::Toml, toml.as_bytes()).keys.len() >= 20_000);
    }

    #[test]
    fn fields_and_values_are_rarely_taken_for_keys() {
        let text = "[flags.x]\non = true\nrollout = 25\nowner = \"me\"\nrequires = [\"a\", \"b\"]\ncreated = 2026-01-02\n\
                    [[flags.x.rules]]\nsubjects = [\"u1\", \"u2\"]\n[segments.staff]\n= \n";
        assert_eq!(scan(Format::Toml, text.as_bytes()).keys, BTreeSet::from(["x".to_owned()]));
        let text = "{\"flags\": {\"x\": {\"on\": true, \"requires\": [\"a\", \"b\"], \"expires\": \"2026-01-02\",}}}";
        assert_eq!(scan(Format::Json, text.as_bytes()).keys, BTreeSet::from(["x".to_owned()]));
    }

    #[test]
    fn names_of_segments_are_found_in_their_table() {
        let segments = |format, text: &str| scan(format, text.as_bytes()).segments.into_iter().collect::<Vec<_>>();
        assert_eq!(
            segments(Format::Toml, "[segments.a]\nif = { x = 1 }\n[segments]\nb = {}\n[flags]\nc = = 1"),
            ["a", "b"]
        );
        assert_eq!(segments(Format::Toml, "segments.a.if = {}\nsegments = { 'b' = {\nflags = {"), ["a", "b"]);
        assert_eq!(
            segments(Format::Json, "{\"segments\": {\"a\": {\"if\": {}}, \"b\": {}}, \"flags\": {\"c\": {"),
            ["a", "b"]
        );
    }

    #[test]
    fn wide_encodings_are_read_without_their_nuls() {
        let text = "[flags]\nx = true\n\"a.b\" = \"25%\"\n";
        let little: Vec<u8> = [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let big: Vec<u8> = [0xFE, 0xFF].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect();
        let wide: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let shifted = [&little[..9], &little[10..]].concat();
        let bare = &big[2..];
        for bytes in [&little, &big, &wide, &shifted, &bare.to_vec()] {
            let found = scan(Format::Toml, bytes).keys;
            assert!(found.contains("x") && found.contains("a.b"), "{bytes:?}: {found:?}");
        }
    }
}
