//! Environment variables that override flags: in this process, and in files that start programs.
//!
//! A variable is the highest layer of a program. One that turns a flag on therefore bypasses the gate, and one with a
//! typing error has no effect where people expect it to turn a flag off.

use std::ffi::OsString;
use std::fmt;

use flagkit_core::source::{EnvKey, Source as _, Stage};
use flagkit_core::{FlagKey, Percent};
use flagkit_sources::Env;
use flagkit_sources::document::tree::nearest;

use crate::state::State;

/// The prefix of the variables that programs read by default.
pub(crate) const PREFIX: &str = "FLAG_";

/// One assignment of a variable in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment<'t> {
    /// The whole name, with the prefix.
    pub(crate) name: &'t str,
    pub(crate) value: &'t str,
    /// Starts at 1.
    pub(crate) line: usize,
    /// Starts at 1.
    pub(crate) column: usize,
}

/// A problem of a variable, and advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OverrideProblem {
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Returns the problem of a variable that overrides none of the declared flags.
pub(crate) fn undeclared<'k>(
    prefix: &str,
    name: &str,
    keys: impl Iterator<Item = &'k FlagKey>,
) -> Option<OverrideProblem> {
    let key = EnvKey::new(name.strip_prefix(prefix)?).ok()?;
    let known: Vec<EnvKey> = keys.map(EnvKey::from_key).collect();
    if known.contains(&key) {
        return None;
    }
    let near = nearest(key.as_str(), known.iter().map(EnvKey::as_str));
    Some(OverrideProblem {
        message: format!("{name} overrides no declared flag"),
        help: near.map(|near| format!("did you mean {prefix}{near}?")),
    })
}

/// Returns the names of the variables of this process with this prefix, sorted.
pub(crate) fn in_process(prefix: &str) -> Vec<String> {
    let names = std::env::vars_os().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name);
    let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    names.retain(|name| name.starts_with(prefix));
    names.sort();
    names
}

/// What a variable sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Override {
    /// The state of a flag. `Off` also stands for the stage of a migration.
    State(State),
    /// The stage of a migration.
    Stage(Stage),
}

impl fmt::Display for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => state.fmt(f),
            Self::Stage(stage) => write!(f, "stage {stage}"),
        }
    }
}

/// Returns what a program would get from a variable with this value.
///
/// `None` for an empty value, which counts as unset. The error is the one that programs report.
pub(crate) fn read_value(name: &str, value: &str) -> Result<Option<Override>, OverrideProblem> {
    let load = Env::from_vars(PREFIX, [(OsString::from(name), OsString::from(value))]).load();
    let Ok(load) = load else { return Ok(None) };
    if let Some(problem) = load.problems().first() {
        let message = format!("programs reject {name}: got {}, expected {}", problem.got(), problem.expected());
        return Err(OverrideProblem { message, help: problem.help().map(str::to_owned) });
    }
    let is = |words: [&str; 2]| words.iter().any(|word| value.trim().eq_ignore_ascii_case(word));
    Ok(match value.trim() {
        "" => None,
        _ if is(["on", "true"]) => Some(Override::State(State::ON)),
        _ if is(["off", "false"]) => Some(Override::State(State::Off)),
        value => {
            let stage = || value.to_ascii_lowercase().parse().ok().map(Override::Stage);
            let percent = value.parse::<Percent>().ok().map(|percent| match percent {
                Percent::ZERO => State::Off,
                percent => State::At(percent),
            });
            percent.map(Override::State).or_else(stage)
        }
    })
}

/// Whether a file of this name may set variables of a program: an image, a manifest, a unit, or a file of variables.
pub(crate) fn is_deployment_file(name: &str) -> bool {
    const EXTENSIONS: [&str; 27] = [
        "yml",
        "yaml",
        "json",
        "toml",
        "env",
        "service",
        "tf",
        "tfvars",
        "hcl",
        "nomad",
        "conf",
        "ini",
        "dockerfile",
        "containerfile",
        "sh",
        "bash",
        "zsh",
        "fish",
        "ps1",
        "psm1",
        "bat",
        "cmd",
        "mk",
        "just",
        "groovy",
        "properties",
        "cfg",
    ];
    const NAMES: [&str; 6] = ["dockerfile", "containerfile", "makefile", "gnumakefile", "jenkinsfile", "justfile"];
    let name = name.to_ascii_lowercase();
    let is_sample = |part: &str| matches!(part, "example" | "sample" | "template" | "dist");
    if name.split('.').any(is_sample) {
        return false;
    }
    let is_named = NAMES.iter().any(|start| name.trim_start_matches('.').starts_with(start));
    let is_variables = matches!(name.as_str(), ".env" | ".envrc" | "procfile") || name.starts_with(".env.");
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    is_named || is_variables || extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
}

/// Returns the assignments of variables with the prefix in a text, in order.
///
/// The text is searched for the forms of all formats at once: `X=on`, `X: on`, `"X": "on"`, `ENV X on`, and a `name`
/// with a `value` beside it. A reference to a variable or an anchor of the same text is followed. A reference to
/// something else is left out, unless it has a default: `${X:-on}`.
pub(crate) fn assignments(text: &str) -> Vec<Assignment<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found: Vec<Assignment<'_>> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if line.trim_start().starts_with(['#', ';']) || line.trim_start().starts_with("//") {
            continue;
        }
        for (at, _) in line.match_indices(PREFIX) {
            let (before, rest) = line.split_at(at);
            if before.ends_with(is_name_part) || before.contains(" #") {
                continue;
            }
            let (name, rest) = rest.split_at(rest.find(|c| !is_name_part(c)).unwrap_or(rest.len()));
            let text = Text { lines: &lines, index };
            let value = text.assigned(before, rest).or_else(|| text.named(before, rest));
            if let Some(value) = value.filter(|value| !is_reference(value)) {
                let column = before.chars().count() + 1;
                found.push(Assignment { name, value, line: index + 1, column });
            }
        }
    }
    found.dedup_by(|a, b| (a.line, a.name, a.value) == (b.line, b.name, b.value));
    found
}

fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The lines of a file, with the index of the current one. It finds the values of one assignment.
#[derive(Clone, Copy)]
struct Text<'l, 't> {
    lines: &'l [&'t str],
    index: usize,
}

impl<'t> Text<'_, 't> {
    /// Returns the value that directly follows a name: after `=`, `:`, the default of `${X:-on}`, or the space of
    /// `ENV X on`.
    fn assigned(self, before: &str, rest: &'t str) -> Option<&'t str> {
        let start = before.trim();
        let is_instruction = start.eq_ignore_ascii_case("ENV") || start.starts_with("set -");
        if is_instruction && rest.starts_with(' ') {
            return Some(self.value(rest));
        }
        // YAML may have a long key on a line of its own.
        if start.trim_start_matches("- ") == "?" && rest.trim().is_empty() {
            let next = Self { index: self.index + 1, ..self };
            return Some(next.value(next.lines.get(next.index)?.trim_start().strip_prefix(':')?));
        }
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest).trim_start();
        if before.ends_with("${") {
            let rest = rest.strip_prefix(':').unwrap_or(rest);
            return rest.strip_prefix(['-', '=']).map(scalar);
        }
        let operators = ["=>", "::=", ":=", "?=", "+=", "=", ":"];
        let rest = operators.iter().find_map(|operator| rest.strip_prefix(operator))?;
        Some(self.value(rest))
    }

    /// Returns the value beside a name: `name: X` with `value: on` on the same line, the next lines or the line before.
    fn named(self, before: &str, rest: &'t str) -> Option<&'t str> {
        let before = before.trim_end().trim_end_matches(['"', '\'']).trim_end();
        let before = before.strip_suffix([':', '='])?.trim_end().trim_end_matches(['"', '\'']);
        if !before.to_ascii_lowercase().ends_with("name") {
            return None;
        }
        let at = |index: usize| Self { index, ..self };
        let has_name = |line: &str| at(self.index).field("name", line).is_some();
        let next = (self.index + 1..self.lines.len()).take(3).map(|index| (index, self.lines.get(index)));
        let next = next.map_while(|(index, line)| line.filter(|line| !has_name(line)).map(|line| (index, *line)));
        let previous = || {
            let index = self.index.checked_sub(1)?;
            let line = self.lines.get(index)?;
            at(index).field("value", line).filter(|_| !has_name(line))
        };
        let line = self.lines.get(self.index)?;
        let here = self.field("value", rest).or_else(|| self.field("value", line));
        here.or_else(|| next.into_iter().find_map(|(index, line)| at(index).field("value", line))).or_else(previous)
    }

    /// Returns the value of a field in a line, such as `value: "on"` or `"value" = on`.
    fn field(self, field: &str, line: &'t str) -> Option<&'t str> {
        line.match_indices(field).find_map(|(at, _)| {
            let (before, rest) = (line.get(..at)?, line.get(at + field.len()..)?);
            let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest).trim_start();
            let rest = rest.strip_prefix([':', '='])?;
            (!before.ends_with(is_name_part)).then(|| self.value(rest))
        })
    }

    /// Returns the value at the start of a text: a word, or what a property, a block or a reference leads to.
    fn value(self, text: &'t str) -> &'t str {
        let mut text = text.trim_start();
        // Anchors and tags of YAML.
        while let Some((_, rest)) = text.split_once(' ').filter(|_| text.starts_with(['&', '!'])) {
            text = rest.trim_start();
        }
        let is_block = |header: &str| header.chars().all(|c| matches!(c, '+' | '-' | '0'..='9'));
        let header = text.split_whitespace().next().unwrap_or_default();
        if header.strip_prefix(['|', '>']).is_some_and(is_block) {
            let below = self.lines.iter().skip(self.index + 1);
            return below.map(|line| scalar(line)).find(|value| !value.is_empty()).unwrap_or_default();
        }
        let reference = text.trim_start_matches(['"', '\'']);
        self.referenced(reference).unwrap_or_else(|| scalar(text))
    }

    /// Returns the value of `$X`, `${X}`, `$(X)` or `*X` if this text sets it, or else the default of `${X:-on}`.
    fn referenced(self, text: &'t str) -> Option<&'t str> {
        let inside =
            text.strip_prefix("${").or_else(|| text.strip_prefix("$(")).or_else(|| text.strip_prefix(['$', '*']));
        let inside = inside?;
        let end = inside.find(|c| !is_name_part(c)).unwrap_or(inside.len());
        let (name, rest) = inside.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
        let target = if text.starts_with('*') { format!("&{name} ") } else { format!("{name}=") };
        let above = self.lines.iter().take(self.index).rev();
        let set = above.flat_map(|line| line.match_indices(&target).map(move |(at, _)| (*line, at)));
        let set = set.filter(|(line, at)| !line.get(..*at).is_some_and(|before| before.ends_with(is_name_part)));
        let set = set.filter_map(|(line, at)| line.get(at + target.len()..)).map(scalar).next();
        let default = || {
            let rest = rest.strip_prefix(':').unwrap_or(rest);
            text.strip_prefix("${").and(rest.strip_prefix(['-', '=', '+'])).map(scalar)
        };
        set.filter(|value| !is_reference(value)).or_else(default)
    }
}

/// Returns the first value of a text, without its quotes.
fn scalar(text: &str) -> &str {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''));
    if let Some((quote, inside)) = quote.and_then(|quote| Some((quote, text.get(1..)?))) {
        return inside.split(quote).next().unwrap_or_default();
    }
    text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']' | ')' | ';' | '"' | '\''))
        .next()
        .unwrap_or("")
}

/// Whether a value is filled in elsewhere, such as `${X}` or `{{ .Values.x }}`.
fn is_reference(value: &str) -> bool {
    value.is_empty() || value.starts_with(['$', '{', '<', '&', '*', '|', '>', '!', '%', '[', '@'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(&str, &str)> {
        assignments(text).into_iter().map(|found| (found.name, found.value)).collect()
    }

    #[test]
    fn assignments_of_many_formats_are_found() {
        for text in [
            "ENV FLAG_X=on",
            "ENV FLAG_X on",
            "ENV A=1 FLAG_X=\"on\" B=2",
            "env FLAG_X='on'",
            "ENV A=1 \\\n    FLAG_X=on \\\n    B=2",
            "    environment:\n      FLAG_X: on",
            "      FLAG_X: \"on\" # for now",
            "      - FLAG_X=on",
            "      - \"FLAG_X=on\"",
            "      - 'FLAG_X=on'",
            "environment: { FLAG_X: on, A: b }",
            "environment: [\"FLAG_X=on\"]",
            "      - name: FLAG_X\n        value: \"on\"",
            "      - name: \"FLAG_X\"\n        value: on",
            "      - value: \"on\"\n        name: FLAG_X",
            "      - { name: FLAG_X, value: \"on\" }",
            "      - { value: \"on\", name: FLAG_X }",
            "{\"name\": \"FLAG_X\", \"value\": \"on\"}",
            "{\"env\": {\"FLAG_X\": \"on\"}}",
            "  name  = \"FLAG_X\"\n  value = \"on\"",
            "  FLAG_X = \"on\"",
            "export FLAG_X=on",
            "FLAG_X=on",
            "Environment=\"FLAG_X=on\" A=b",
            "web: FLAG_X=on ./shop",
            "args: [\"--set\", \"env.FLAG_X=on\"]",
            "      FLAG_X: ${FLAG_X:-on}",
            "      FLAG_X: ${FOO:-on}",
            "      FLAG_X: \"${FOO-on}\"",
            "      FLAG_X: &v on",
            "      FLAG_X: !!str on",
            "      FLAG_X: !!str &v \"on\"",
            "      A: &v on\n      FLAG_X: *v",
            "      FLAG_X: >-\n        on",
            "      FLAG_X: |\n\n        on",
            "      ? FLAG_X\n      : on",
            "- name: FLAG_X\n  value: |\n    on",
            "- name: FLAG_X\n  value: !!str on",
            "- name: FLAG_X\n  value: ${FOO:-on}",
            "ARG V=on\nENV FLAG_X=$V",
            "ARG V=on\nENV FLAG_X ${V}",
            "ARG V=on\nENV FLAG_X=\"${V:-off}\"",
            "V=on\nrun:\n\tFLAG_X=$(V) ./shop",
            "export FLAG_X := on",
            "FLAG_X ?= on",
            "$env:FLAG_X = \"on\"",
            "set -gx FLAG_X on",
        ] {
            assert_eq!(found(text), [("FLAG_X", "on")], "{text}");
        }
    }

    #[test]
    fn what_sets_no_value_is_left_out() {
        for text in [
            "# FLAG_X=on",
            "A=1 # FLAG_X=on",
            "// \"FLAG_X\": \"on\"",
            "MY_FLAG_X=on",
            "FLAG_X=",
            "FLAG_X=${X}",
            "MY_V=on\nFLAG_X=${V}",
            "FLAG_X=$V\nV=on",
            "FLAG_X=$(cat state)",
            "FLAG_X: *v",
            "FLAG_X: ${{ inputs.x }}",
            "FLAG_X: {{ .Values.x }}",
            "- name: FLAG_X\n  valueFrom:\n    configMapKeyRef: { name: c, key: k }",
            "- name: FLAG_X\n- name: OTHER\n  value: \"on\"",
            "the variable FLAG_X turns it on",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn values_mean_what_they_mean_to_programs() {
        for (value, expected) in [
            ("on", Some("on")),
            ("TRUE", Some("on")),
            ("25%", Some("25%")),
            ("0%", Some("off")),
            ("off", Some("off")),
            ("Dual-Write", Some("stage dual-write")),
        ] {
            let state = read_value("FLAG_X", value).expect("a value").map(|state| state.to_string());
            assert_eq!(state.as_deref(), expected, "{value}");
        }
        let problem = read_value("FLAG_X", "1").expect_err("a problem");
        assert!(problem.message.starts_with("programs reject FLAG_X: got the text \"1\", expected on"), "{problem:?}");
    }
}
