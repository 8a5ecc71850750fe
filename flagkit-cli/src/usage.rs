//! Where the code asks for flags.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ignore::{DirEntry, WalkBuilder};
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// A place where a flag is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Use {
    pub(crate) key: String,
    pub(crate) path: PathBuf,
    /// From 1.
    pub(crate) line: usize,
    /// From 1.
    pub(crate) column: usize,
    pub(crate) by: By,
}

/// What asks for a flag, or sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum By {
    /// `flag!` or `variant!`.
    Macro,
    /// A method of a handle, if it is one: other types have methods of these names.
    Method,
    /// A test that says what the flag is to be.
    Test,
}

impl Use {
    /// Whether its key must be declared.
    pub(crate) fn is_of_a_flag(&self) -> bool {
        self.by != By::Method
    }

    /// Whether code depends on the answer.
    pub(crate) fn is_asked(&self) -> bool {
        self.by != By::Test
    }
}

/// All uses below a folder, in order, and the files that are no Rust.
pub(crate) fn find(root: &Path) -> (Vec<Use>, Vec<PathBuf>) {
    let walk = WalkBuilder::new(root).filter_entry(|entry| !is_of_others(entry)).build_parallel();
    let found = Mutex::new((Vec::new(), Vec::new()));
    walk.run(|| {
        Box::new(|entry| {
            if let Ok(entry) = entry {
                let is_rust = entry.path().extension().is_some_and(|extension| extension == "rs");
                if is_rust && entry.file_type().is_some_and(|kind| kind.is_file()) {
                    scan(root, entry.path(), &found);
                }
            }
            ignore::WalkState::Continue
        })
    });
    let (mut uses, mut unread) = found.into_inner().unwrap_or_default();
    uses.sort();
    unread.sort();
    (uses, unread)
}

/// Whether it is a folder that cargo has filled: a crate that is vendored or packaged, which declares its flags elsewhere, or
/// what was built.
fn is_of_others(entry: &DirEntry) -> bool {
    const MARKS: [&str; 4] = [".cargo-ok", ".cargo-checksum.json", ".cargo_vcs_info.json", "CACHEDIR.TAG"];
    let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
    is_folder && entry.depth() > 0 && MARKS.iter().any(|mark| entry.path().join(mark).exists())
}

fn scan(root: &Path, path: &Path, found: &Mutex<(Vec<Use>, Vec<PathBuf>)>) {
    let shown = path.strip_prefix(root).unwrap_or(path).to_owned();
    let Ok(text) = fs::read_to_string(path) else { return };
    // Most files ask for none, and are not read token by token.
    if !mentions(&text) {
        return;
    }
    let mut uses = Vec::new();
    let parsed = text.parse::<TokenStream>();
    let is_rust = parsed.is_ok();
    if let Ok(tokens) = parsed {
        walk(tokens, &mut |key, span, by| {
            let start = span.start();
            uses.push(Use { key, path: shown.clone(), line: start.line, column: start.column + 1, by });
        });
    }
    if let Ok(mut found) = found.lock() {
        found.0.append(&mut uses);
        if !is_rust {
            found.1.push(shown);
        }
    }
}

const MACROS: [&str; 2] = ["flag", "variant"];
const METHODS: [&str; 5] = ["is_on", "variant", "evaluate", "explain", "flag"];
/// Functions of tests, with what they stand in.
const SETTERS: [(&str, &str); 3] = [("testing", "set"), ("testing", "with"), ("Overrides", "new")];
const ATTRIBUTE: &str = "flag_test";

fn mentions(text: &str) -> bool {
    let has = |word: &str, before: &str, behind: &str| {
        text.match_indices(word)
            .any(|(at, _)| text[..at].ends_with(before) && text[at + word.len()..].starts_with(behind))
    };
    MACROS.iter().any(|name| has(name, "", "!"))
        || METHODS.iter().any(|name| has(name, ".", "("))
        || SETTERS.iter().any(|(of, name)| has(name, &format!("{of}::"), "("))
        || text.contains(ATTRIBUTE)
}

type Found<'f> = dyn FnMut(String, Span, By) + 'f;

/// Tokens, not syntax: so what stands inside of `println!` or `select!` is seen as well.
fn walk(tokens: TokenStream, found: &mut Found<'_>) {
    let mut before: [Option<TokenTree>; 4] = [const { None }; 4];
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            let is_call = group.delimiter() == Delimiter::Parenthesis;
            let [of, _, mark, name] = before.each_ref().map(Option::as_ref);
            match (mark, name) {
                (Some(TokenTree::Ident(name)), Some(TokenTree::Punct(mark)))
                    if mark.as_char() == '!' && MACROS.iter().any(|known| name == known) =>
                {
                    if let Some((key, span)) = asked(group.stream()) {
                        found(key, span, By::Macro);
                    }
                }
                (Some(TokenTree::Punct(mark)), Some(TokenTree::Ident(name)))
                    if is_call && mark.as_char() == '.' && METHODS.iter().any(|known| name == known) =>
                {
                    if let Some((key, span)) = group.stream().into_iter().next().and_then(|token| literal(&token)) {
                        found(key, span, By::Method);
                    }
                }
                (Some(TokenTree::Punct(mark)), Some(TokenTree::Ident(name)))
                    if is_call
                        && mark.as_char() == ':'
                        && SETTERS.iter().any(|(known, set)| is_word(of, known) && name == set) =>
                {
                    set(group.stream(), found);
                }
                (_, Some(TokenTree::Ident(name))) if is_call && name == ATTRIBUTE => pinned(group.stream(), found),
                _ => {}
            }
            walk(group.stream(), found);
        }
        before.rotate_left(1);
        before[3] = Some(token);
    }
}

fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

/// The keys that a test sets: the first literal of the call, or of each pair in it.
fn set(tokens: TokenStream, found: &mut Found<'_>) {
    for token in tokens {
        if let Some((key, span)) = literal(&token) {
            return found(key, span, By::Test);
        }
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => {
                set(group.stream().into_iter().take(1).collect(), found);
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                let pairs = group.stream().into_iter().filter(|token| matches!(token, TokenTree::Group(_)));
                pairs.for_each(|pair| set(pair.into(), found));
                return;
            }
            TokenTree::Punct(mark) if mark.as_char() == '&' => {}
            _ => return,
        }
    }
}

/// The keys of the attribute: all literals, but that of `crate = "…"`.
fn pinned(tokens: TokenStream, found: &mut Found<'_>) {
    let mut is_key = true;
    for token in tokens {
        match (&token, literal(&token)) {
            (_, Some((key, span))) if is_key => found(key, span, By::Test),
            (TokenTree::Group(group), _) => pinned(group.stream(), found),
            _ => {}
        }
        is_key = !matches!(&token, TokenTree::Punct(mark) if mark.as_char() == '=');
    }
}

/// The key of a call: its first token or, behind `in handle,`, the first one after.
fn asked(tokens: TokenStream) -> Option<(String, Span)> {
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

/// The text of a string literal. Keys need no escapes.
fn literal(token: &TokenTree) -> Option<(String, Span)> {
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

    fn keys(code: &str) -> Vec<(String, By)> {
        let mut keys = Vec::new();
        walk(code.parse().expect("tokens"), &mut |key, _, by| keys.push((key, by)));
        keys
    }

    fn are(code: &str, expected: &[(&str, By)]) {
        assert_eq!(keys(code), expected.iter().map(|(key, by)| ((*key).to_owned(), *by)).collect::<Vec<_>>());
        assert!(mentions(code), "{code}");
    }

    #[test]
    fn calls_are_seen_wherever_they_stand() {
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
            ("plain", By::Macro),
            ("by-path", By::Macro),
            ("in-println", By::Macro),
            ("in-assert", By::Macro),
            ("in-select", By::Macro),
            ("of-a-handle", By::Macro),
            ("by-method", By::Method),
            ("too", By::Method),
            ("raw", By::Macro),
        ];
        are(code, &expected);
        for method in METHODS {
            are(&format!("flags.{method}(\"k\")"), &[("k", By::Method)]);
        }
    }

    #[test]
    fn so_are_the_flags_that_tests_set() {
        are("let _g = testing::set(\"a\", true);", &[("a", By::Test)]);
        are(
            "flagkit_core::testing::with(&[(\"a\", on(\"x\")), (\"b\", f)], || f(\"c\"))",
            &[("a", By::Test), ("b", By::Test)],
        );
        are("Overrides::new([(\"a\", true), (name, true)])", &[("a", By::Test)]);
        are("testing::set(name, \"x\"); testing::set(\"a\", true)", &[("a", By::Test)]);
        are(
            "#[flag_test(\"a\", on(\"b\", \"c\"), off(\"d\"), crate = \"fk\")] fn t() {}",
            &["a", "b", "c", "d"].map(|key| (key, By::Test)),
        );
        assert_eq!(keys("other::set(\"a\"); set(\"b\", true); Overrides::default()"), []);
    }
}
