//! The decoder of approvals: who agreed that a flag may be on, as `flagkit go` writes it.
//!
//! ```toml
//! [[flags.new-checkout.approval]]
//! by = "alice@example.com"
//! at = 2026-11-29T10:03:11Z     # in UTC, with whole seconds
//! to = "10%"                    # the approved state
//! serial = 1795946591
//! before = "sha256:…"           # the definition before the change
//! release = "3f2c9d1"           # absent: the gate has no build check
//! checks = "sha256:…"           # absent: the gate has no checks
//! gate = "sha256:…"
//! confirm = "signed"            # what the gate required, see `gates`
//! humans = 2
//! signature = """
//! -----BEGIN SSH SIGNATURE-----
//! …"""
//! ```
//!
//! Each field is a line of the signed text. So a field has one form only, and no line breaks: a text that could be read
//! in two ways could be signed as one and applied as the other.
//!
//! Nothing here verifies a signature. A program that requires no approvals checks their form and ignores them.

use flagkit_core::source::{Approval, ApprovalRequirement, Stage};
use flagkit_core::{Date, Percent};

use super::decoder::{Decoder, join};
use super::gates::{confirmation, humans};
use super::node::{Node, Table, Value};

/// The fields of an approval, for the advice on an unknown one.
const APPROVAL: [&str; 11] =
    ["by", "at", "to", "serial", "before", "release", "checks", "gate", "confirm", "humans", "signature"];
/// The fields that a gate decides about. All others are required.
const OPTIONAL: [&str; 2] = ["release", "checks"];

/// How many approvals a flag may have. Each one costs the verification of a signature.
const MAX_APPROVALS: usize = 20;
/// How long a signature may be. One of an RSA key with 16,384 bits takes 6 KiB.
const MAX_SIGNATURE: usize = 16 * 1024;
/// How long any other field may be.
const MAX_LINE: usize = 256;

/// The advice on an invalid field, because people write no approvals by hand.
const HELP: &str = "an approval cannot be edited; remove it, and approve the flag again with `flagkit go`";

/// Decodes `approval`: the approvals of a flag, in any order. The path of one has its index.
pub(super) fn approvals(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Vec<Approval> {
    if matches!(node.value, Value::Table(_)) {
        let help = "write `[[…]]` around its name, or an array in JSON";
        decoder.invalid_with_help(path, node, "an array of approvals", help);
        return Vec::new();
    }
    let items = decoder.array(path, node, "approvals");
    if let Some(item) = items.get(MAX_APPROVALS) {
        let expected = format!("at most {MAX_APPROVALS}");
        let help = "remove the approvals of earlier releases";
        decoder.problem_with_help(item.offset(), path, format!("{} approvals", items.len()), expected, help);
    }
    let items = items.iter().take(MAX_APPROVALS).enumerate();
    items.filter_map(|(index, item)| approval(decoder, &format!("{path}[{index}]"), item)).collect()
}

/// Decodes one approval. Returns `None` if it has a problem, which refuses the flag.
fn approval(decoder: &mut Decoder<'_>, base: &str, node: &Node<'_>) -> Option<Approval> {
    let Value::Table(table) = &node.value else {
        decoder.invalid_with_help(base, node, "a table with the fields of an approval", HELP);
        return None;
    };
    for entry in table.iter().filter(|entry| !APPROVAL.contains(&&*entry.name)) {
        decoder.unknown(base, entry, &APPROVAL);
    }
    let is_missing = |name: &&str| table.entry(name).is_none() && !OPTIONAL.contains(name);
    let missing: Vec<&str> = APPROVAL.into_iter().filter(is_missing).collect();
    if !missing.is_empty() {
        let got = format!("an approval without `{}`", missing.join("`, `"));
        decoder.problem_with_help(node.offset(), base, got, "all fields of an approval", HELP);
    }
    let mut fields = Fields { decoder, base, table };
    let by = fields.text("by", "a name of at most 256 bytes, without line breaks", is_line);
    let at = fields.text("at", "a time in UTC with whole seconds, such as 2026-11-29T10:03:11Z", is_time);
    let to = fields.text("to", "a state such as \"on\", \"10%\", \"live\" or \"live@25%\"", is_state);
    let serial = fields.field("serial", serial);
    let before = fields.text("before", DIGEST, is_digest);
    let release = fields.text("release", "a release of at most 256 bytes, without line breaks", is_release);
    let checks = fields.text("checks", DIGEST, is_digest);
    let gate = fields.text("gate", DIGEST, is_digest);
    let confirmation = fields.field("confirm", confirmation);
    let humans = fields.field("humans", humans);
    let signature = fields.text("signature", "an SSH signature of at most 16 KiB", is_signature);
    Some(Approval {
        by: by?,
        at: at?,
        to: to?,
        serial: serial?,
        before: before?,
        release,
        checks,
        gate: gate?,
        requirement: ApprovalRequirement { confirmation: confirmation?, humans: humans? },
        signature: signature?,
    })
}

/// The table of one approval, while its fields are decoded.
struct Fields<'f, 'd, 't> {
    decoder: &'f mut Decoder<'d>,
    /// The path of the approval.
    base: &'f str,
    table: &'f Table<'t>,
}

impl<'f, 't> Fields<'f, '_, 't> {
    /// Decodes a field, if the approval has it.
    fn field<T>(
        &mut self,
        name: &str,
        decode: impl FnOnce(&mut Decoder<'_>, &str, &'f Node<'t>) -> Option<T>,
    ) -> Option<T> {
        let node = &self.table.entry(name)?.node;
        decode(self.decoder, &join(self.base, name), node)
    }

    /// Decodes a field that is a text, or a date of TOML.
    fn text(&mut self, name: &str, expected: &str, is_valid: impl FnOnce(&str) -> bool) -> Option<Box<str>> {
        self.field(name, |decoder, path, node| {
            let text = match &node.value {
                Value::Text(text) => &**text,
                Value::Datetime(text) => text.as_str(),
                _ => "",
            };
            if !text.is_empty() && is_valid(text) {
                return Some(text.into());
            }
            decoder.invalid_with_help(path, node, expected, HELP);
            None
        })
    }
}

const DIGEST: &str = "a digest: `sha256:`, and 64 hexadecimal digits in lower case";

fn is_digest(text: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix("sha256:").is_some_and(|digits| digits.len() == 64 && digits.bytes().all(is_hex))
}

/// Returns whether the text can be the value of one line of the signed text.
fn is_line(text: &str) -> bool {
    let breaks_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    text.len() <= MAX_LINE && !text.contains(breaks_line)
}

/// Returns whether the text can be a release. In the signed text, `-` stands for none.
fn is_release(text: &str) -> bool {
    text != "-" && is_line(text)
}

/// Returns whether the text is an existing time in the form `2026-11-29T10:03:11Z`.
fn is_time(text: &str) -> bool {
    let Some((day, time)) = text.strip_suffix('Z').and_then(|text| text.split_once('T')) else { return false };
    let parts: Vec<&str> = time.split(':').collect();
    let is_part = |(part, limit): (&&str, u8)| {
        part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse().is_ok_and(|n: u8| n < limit)
    };
    day.parse::<Date>().is_ok() && parts.len() == 3 && parts.iter().zip([24, 60, 60]).all(is_part)
}

/// Returns whether the text is a state in its only form. `off` is none, because it needs no approval.
fn is_state(text: &str) -> bool {
    let is_percent = |text: &str| {
        text.parse::<Percent>().is_ok_and(|percent| percent != Percent::HUNDRED && percent.to_string() == text)
    };
    let is_stage = |text: &str| text.parse::<Stage>().is_ok_and(|stage| stage != Stage::Off && stage.as_str() == text);
    match text.split_once('@') {
        Some((stage, share)) => is_stage(stage) && is_percent(share),
        None => text == "on" || is_percent(text) || is_stage(text),
    }
}

fn is_signature(text: &str) -> bool {
    let is_printable = |byte: u8| byte.is_ascii_graphic() || matches!(byte, b' ' | b'\n' | b'\r');
    text.len() <= MAX_SIGNATURE && text.bytes().all(is_printable)
}

fn serial(decoder: &mut Decoder<'_>, path: &str, node: &Node<'_>) -> Option<u64> {
    let serial = match &node.value {
        Value::Number(number) if node.is_whole() => number.parse().ok().filter(|serial| *serial > 0),
        _ => None,
    };
    if serial.is_none() {
        decoder.invalid_with_help(path, node, "a whole number from 1", HELP);
    }
    serial
}
