//! The uses of flags in Rust code, found in its tokens.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ignore::{DirEntry, WalkBuilder};
use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};

use crate::build_range::BuildRange;
use crate::roots::Roots;

/// One use of a flag in the code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Use {
    pub(crate) key: String,
    pub(crate) path: PathBuf,
    /// Starts at 1.
    pub(crate) line: usize,
    /// Starts at 1.
    pub(crate) column: usize,
    pub(crate) kind: UseKind,
}

/// The code that reads or sets a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UseKind {
    /// `flag!` or `variant!`.
    Macro,
    /// A method call that may be on a handle. Other types have methods of the same names.
    Method,
    /// Such a call that returns more than whether the flag is on, so it is right for a migration too.
    Lookup,
    /// `migration!`, which declares that the build has code for these stages.
    Migration(BuildRange),
    /// A test that sets the flag.
    Test,
}

impl Use {
    /// Whether the key must be declared.
    pub(crate) fn needs_declaration(&self) -> bool {
        !matches!(self.kind, UseKind::Method | UseKind::Lookup)
    }

    /// Whether the code depends on the value of the flag.
    pub(crate) fn is_read(&self) -> bool {
        self.kind != UseKind::Test
    }

    /// Whether the code reads a flag as on or off, which a migration never is.
    pub(crate) fn is_switch(&self) -> bool {
        matches!(self.kind, UseKind::Macro | UseKind::Method)
    }

    /// The stages for which the code can plan.
    pub(crate) fn range(&self) -> Option<BuildRange> {
        match self.kind {
            UseKind::Migration(range) => Some(range),
            _ => None,
        }
    }
}

/// The result of a search.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// All uses, in order.
    pub(crate) found: Vec<Use>,
    /// The files that do not parse as Rust.
    pub(crate) unread: Vec<PathBuf>,
    /// Whether a folder was left out because it has a flag file of its own.
    pub(crate) has_other_files: bool,
}

impl Uses {
    /// Finds all uses in the code that reads the flags of a file.
    pub(crate) fn find(roots: &Roots) -> Self {
        let mut found = Self::default();
        for root in &roots.folders {
            found.search(root, roots);
        }
        found.found.sort();
        found.found.dedup();
        found.unread.sort();
        found.unread.dedup();
        found
    }

    fn search(&mut self, root: &Path, roots: &Roots) {
        let others = Arc::new(AtomicBool::new(false));
        let (owner, seen) = (roots.clone(), Arc::clone(&others));
        let is_ours = move |entry: &DirEntry| {
            let is_below = entry.depth() > 0 && entry.file_type().is_some_and(|kind| kind.is_dir());
            if is_below && owner.is_foreign(entry.path()) {
                seen.store(true, Ordering::Relaxed);
                return false;
            }
            !(is_below && is_third_party(entry.path()))
        };
        let found = Mutex::new(std::mem::take(self));
        WalkBuilder::new(root).filter_entry(is_ours).build_parallel().run(|| {
            Box::new(|entry| {
                if let Ok(entry) = entry {
                    let is_rust = entry.path().extension().is_some_and(|extension| extension == "rs");
                    if is_rust && entry.file_type().is_some_and(|kind| kind.is_file()) {
                        scan(roots, entry.path(), &found);
                    }
                }
                ignore::WalkState::Continue
            })
        });
        *self = found.into_inner().unwrap_or_default();
        self.has_other_files |= others.load(Ordering::Relaxed);
    }
}

/// Whether Cargo created the folder: a vendored or packaged crate, which declares its flags elsewhere, or build
/// output.
pub(crate) fn is_third_party(folder: &Path) -> bool {
    const MARKS: [&str; 4] = [".cargo-ok", ".cargo-checksum.json", ".cargo_vcs_info.json", "CACHEDIR.TAG"];
    MARKS.iter().any(|mark| folder.join(mark).exists())
}

fn scan(roots: &Roots, path: &Path, found: &Mutex<Uses>) {
    let Ok(text) = fs::read_to_string(path) else { return };
    // Most files read no flag, and parsing them would take most of the time.
    if !mentions(&text) {
        return;
    }
    let shown = roots.shown(path);
    let mut uses = Vec::new();
    let parsed = text.parse::<TokenStream>();
    let is_rust = parsed.is_ok();
    if let Ok(tokens) = parsed {
        walk(tokens, &mut |key, span, kind| {
            let start = span.start();
            uses.push(Use { key, path: shown.clone(), line: start.line, column: start.column + 1, kind });
        });
    }
    if let Ok(mut found) = found.lock() {
        found.found.append(&mut uses);
        if !is_rust {
            found.unread.push(shown);
        }
    }
}

const MACROS: [&str; 2] = ["flag", "variant"];
const METHODS: [&str; 2] = ["is_on", "variant"];
const LOOKUPS: [&str; 3] = ["evaluate", "explain", "flag"];
/// The macro that declares a migration.
const MIGRATION: &str = "migration";
/// Functions that tests call, with their module or type.
const SETTERS: [(&str, &str); 3] = [("testing", "set"), ("testing", "with"), ("Overrides", "new")];
const ATTRIBUTE: &str = "flag_test";

/// Whether the text may contain a use. A cheap test before parsing.
fn mentions(text: &str) -> bool {
    let has = |word: &str, before: &str, after: &str| {
        text.match_indices(word)
            .any(|(at, _)| text[..at].ends_with(before) && text[at + word.len()..].starts_with(after))
    };
    MACROS.iter().chain([&MIGRATION]).any(|name| has(name, "", "!"))
        || METHODS.iter().chain(&LOOKUPS).any(|name| has(name, ".", "("))
        || SETTERS.iter().any(|(of, name)| has(name, &format!("{of}::"), "("))
        || text.contains(ATTRIBUTE)
}

/// Which builds have the code of an item, according to its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Condition {
    Always,
    /// A `cfg` decides, such as one of a feature.
    Sometimes,
    /// Only tests have it.
    Test,
}

impl Condition {
    /// Reads the content of an attribute.
    fn of(attribute: &TokenStream) -> Self {
        let text = attribute.to_string().replace(' ', "");
        match text.strip_prefix("cfg(") {
            Some(rest) if rest.starts_with("test)") || rest.starts_with("all(test,") => Self::Test,
            Some(_) => Self::Sometimes,
            None => Self::Always,
        }
    }

    /// Returns the kind of a use under the condition.
    fn apply(self, kind: UseKind) -> UseKind {
        match (kind, self) {
            (UseKind::Migration(_), Self::Test) => UseKind::Test,
            (UseKind::Migration(range), Self::Sometimes) => {
                UseKind::Migration(BuildRange { is_conditional: true, ..range })
            }
            _ => kind,
        }
    }
}

/// The conditions of the present token.
struct Conditions {
    /// The one of all tokens, from `#![…]`.
    of_all: Condition,
    /// The one of the present item, from `#[…]`.
    of_item: Condition,
}

impl Conditions {
    /// Reads a token, after the ones before it. A brace or a semicolon ends an item.
    fn read(&mut self, token: &TokenTree, before: &[Option<TokenTree>; 4]) {
        let is = |token: &Option<TokenTree>, mark: char| matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == mark);
        let [.., hash, last] = before;
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket && is(last, '#') => {
                self.of_item = self.of_item.max(Condition::of(&group.stream()));
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket && is(hash, '#') && is(last, '!') => {
                self.of_all = self.of_all.max(Condition::of(&group.stream()));
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => self.of_item = Condition::Always,
            TokenTree::Punct(mark) if mark.as_char() == ';' => self.of_item = Condition::Always,
            _ => {}
        }
    }
}

type Found<'f> = dyn FnMut(String, Span, UseKind) + 'f;

/// Reports each use to `found`. Searches tokens instead of syntax, so it also finds uses inside `println!` or `select!`.
fn walk(tokens: TokenStream, found: &mut Found<'_>) {
    let mut before: [Option<TokenTree>; 4] = [const { None }; 4];
    let mut conditions = Conditions { of_all: Condition::Always, of_item: Condition::Always };
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            let condition = conditions.of_all.max(conditions.of_item);
            let found: &mut Found<'_> = &mut |key, span, kind| found(key, span, condition.apply(kind));
            let is_call = group.delimiter() == Delimiter::Parenthesis;
            let [of, _, mark, name] = before.each_ref().map(Option::as_ref);
            match (mark, name) {
                (Some(TokenTree::Ident(name)), Some(TokenTree::Punct(mark)))
                    if mark.as_char() == '!' && MACROS.iter().any(|known| name == known) =>
                {
                    if let Some((key, span)) = find_read(group.stream()) {
                        found(key, span, UseKind::Macro);
                    }
                }
                (Some(TokenTree::Ident(name)), Some(TokenTree::Punct(mark)))
                    if mark.as_char() == '!' && name == MIGRATION =>
                {
                    if let Some((key, span, range)) = BuildRange::parse(group.stream()) {
                        found(key, span, UseKind::Migration(range));
                    }
                }
                (Some(TokenTree::Punct(mark)), Some(TokenTree::Ident(name))) if is_call && mark.as_char() == '.' => {
                    let kind = method(name);
                    let first = || group.stream().into_iter().next().and_then(|token| literal(&token));
                    if let Some((kind, (key, span))) = kind.zip(first()) {
                        found(key, span, kind);
                    }
                }
                (Some(TokenTree::Punct(mark)), Some(TokenTree::Ident(name)))
                    if is_call
                        && mark.as_char() == ':'
                        && SETTERS.iter().any(|(known, set)| is_word(of, known) && name == set) =>
                {
                    find_set_keys(group.stream(), found);
                }
                (_, Some(TokenTree::Ident(name))) if is_call && name == ATTRIBUTE => {
                    find_attribute_keys(group.stream(), found);
                }
                _ => {}
            }
            walk(group.stream(), found);
        }
        conditions.read(&token, &before);
        before.rotate_left(1);
        before[3] = Some(token);
    }
}

/// Returns the kind of a method with this name, if a handle has one.
fn method(name: &Ident) -> Option<UseKind> {
    let is = |names: &[&str]| names.iter().any(|known| name == known);
    match () {
        () if is(&METHODS) => Some(UseKind::Method),
        () if is(&LOOKUPS) => Some(UseKind::Lookup),
        () => None,
    }
}

fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

/// Reports the keys that a test sets: the first literal of the call, or of each pair in it.
fn find_set_keys(tokens: TokenStream, found: &mut Found<'_>) {
    for token in tokens {
        if let Some((key, span)) = literal(&token) {
            return found(key, span, UseKind::Test);
        }
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                find_set_keys(group.stream().into_iter().take(1).collect(), found);
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                let pairs = group.stream().into_iter().filter(|token| matches!(token, TokenTree::Group(_)));
                pairs.for_each(|pair| find_set_keys(pair.into(), found));
                return;
            }
            TokenTree::Punct(mark) if mark.as_char() == '&' => {}
            _ => return,
        }
    }
}

/// Reports the keys of `#[flag_test(…)]`: all literals except the one of `crate = "…"`.
fn find_attribute_keys(tokens: TokenStream, found: &mut Found<'_>) {
    let mut is_key = true;
    for token in tokens {
        match (&token, literal(&token)) {
            (_, Some((key, span))) if is_key => found(key, span, UseKind::Test),
            (TokenTree::Group(group), _) => find_attribute_keys(group.stream(), found),
            _ => {}
        }
        is_key = !matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '=');
    }
}

/// Returns the key of a macro call: its first token, or the first one after `in handle,`.
fn find_read(tokens: TokenStream) -> Option<(String, Span)> {
    let mut tokens = tokens.into_iter();
    let first = tokens.next()?;
    match &first {
        TokenTree::Ident(word) if word == "in" => {
            tokens.find(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ','))?;
            literal(&tokens.next()?)
        }
        _ => literal(&first),
    }
}

/// Returns the key in a string literal. A key contains no escapes.
pub(crate) fn literal(token: &TokenTree) -> Option<(String, Span)> {
    match token {
        TokenTree::Literal(literal) => {
            let text = literal.to_string();
            let text = text.trim_start_matches('r').trim_matches('#');
            let key = text.strip_prefix('"')?.strip_suffix('"')?;
            flagkit_core::FlagKey::new(key).ok().map(|key| (key.to_string(), literal.span()))
        }
        TokenTree::Group(group) if group.delimiter() == Delimiter::None => {
            group.stream().into_iter().next().and_then(|token| literal(&token))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(code: &str) -> Vec<(String, UseKind)> {
        let mut keys = Vec::new();
        walk(code.parse().expect("tokens"), &mut |key, _, kind| keys.push((key, kind)));
        keys
    }

    fn assert_keys(code: &str, expected: &[(&str, UseKind)]) {
        assert_eq!(keys(code), expected.iter().map(|(key, kind)| ((*key).to_owned(), *kind)).collect::<Vec<_>>());
        assert!(mentions(code), "{code}");
    }

    #[test]
    fn calls_are_found_in_any_position() {
        let code = r##"
            fn f() {
                if flag!("plain") {}
                if flagkit_core::flag!("by-path", &user) {}
                println!("{}", flag!("in-println"));
                assert!(variant!("in-assert", id = 1).is_some());
                tokio::select! { _ = a, if flag!("in-select") => {} }
                flag!(in self.flags(a, b), "of-a-handle", &user);
                let _ = flags.is_on("by-method", &()) && snapshot.evaluate("too", &());
                flag!(r#"raw"#);
                macro_rules! m { ($k:literal) => { flag!($k) } }
                // flag!("in-a-comment")
                let text = "flag!(\"in-a-text\")";
                flags.is_on(name, &()); is_on("no-method");
            }
        "##;
        let expected = [
            ("plain", UseKind::Macro),
            ("by-path", UseKind::Macro),
            ("in-println", UseKind::Macro),
            ("in-assert", UseKind::Macro),
            ("in-select", UseKind::Macro),
            ("of-a-handle", UseKind::Macro),
            ("by-method", UseKind::Method),
            ("too", UseKind::Lookup),
            ("raw", UseKind::Macro),
        ];
        assert_keys(code, &expected);
        for method in METHODS {
            assert_keys(&format!("flags.{method}(\"k\")"), &[("k", UseKind::Method)]);
        }
        for method in LOOKUPS {
            assert_keys(&format!("flags.{method}(\"k\")"), &[("k", UseKind::Lookup)]);
        }
    }

    #[test]
    fn migrations_are_found_with_their_range() {
        let code = "flagkit::migration! {\n    /// Splits.\n    pub static A: \"a\", range = Full\n}\n\
                    migration!(static B: \"b\", range = Contracted, start = Complete);";
        let full = BuildRange { is_contracted: false, start: None, is_conditional: false };
        let start = Some(flagkit_core::source::Stage::Complete);
        let contracted = BuildRange { is_contracted: true, start, is_conditional: false };
        assert_keys(code, &[("a", UseKind::Migration(full)), ("b", UseKind::Migration(contracted))]);
    }

    #[test]
    fn flags_that_tests_set_are_found() {
        assert_keys("let _g = testing::set(\"a\", true);", &[("a", UseKind::Test)]);
        assert_keys(
            "flagkit_core::testing::with(&[(\"a\", on(\"x\")), (\"b\", f)], || f(\"c\"))",
            &[("a", UseKind::Test), ("b", UseKind::Test)],
        );
        assert_keys("Overrides::new([(\"a\", true), (name, true)])", &[("a", UseKind::Test)]);
        assert_keys("testing::set(name, \"x\"); testing::set(\"a\", true)", &[("a", UseKind::Test)]);
        assert_keys(
            "#[flag_test(\"a\", on(\"b\", \"c\"), off(\"d\"), crate = \"fk\")] fn t() {}",
            &["a", "b", "c", "d"].map(|key| (key, UseKind::Test)),
        );
        assert_eq!(keys("other::set(\"a\"); set(\"b\", true); Overrides::default()"), []);
    }
}
