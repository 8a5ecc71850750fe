//! Where the code asks for flags.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ignore::WalkBuilder;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A place where a flag is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Use {
    pub(crate) key: String,
    pub(crate) path: PathBuf,
    /// From 1.
    pub(crate) line: usize,
    /// From 1.
    pub(crate) column: usize,
    /// By `flag!` or `variant!`, whose keys must be declared; else by a method of a handle.
    pub(crate) by_macro: bool,
}

/// All uses below a folder, in order, and the files that are no Rust.
pub(crate) fn find(root: &Path) -> (Vec<Use>, Vec<PathBuf>) {
    let walk = WalkBuilder::new(root).build_parallel();
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
        walk(tokens, &mut |key, span, by_macro| {
            let start = span.start();
            uses.push(Use { key, path: shown.clone(), line: start.line, column: start.column + 1, by_macro });
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

fn mentions(text: &str) -> bool {
    ["flag!", "variant!", "is_on(", "evaluate(", ".variant(", "explain("].iter().any(|word| text.contains(word))
}

type Found<'f> = dyn FnMut(String, proc_macro2::Span, bool) + 'f;

/// Tokens, not syntax: so what stands inside of `println!` or `select!` is seen as well.
fn walk(tokens: TokenStream, found: &mut Found<'_>) {
    let mut before: [Option<TokenTree>; 2] = [None, None];
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            match &before {
                [Some(TokenTree::Ident(name)), Some(TokenTree::Punct(mark))]
                    if mark.as_char() == '!' && MACROS.iter().any(|known| name == known) =>
                {
                    if let Some((key, span)) = asked(group.stream()) {
                        found(key, span, true);
                    }
                }
                [Some(TokenTree::Punct(mark)), Some(TokenTree::Ident(name))]
                    if mark.as_char() == '.'
                        && group.delimiter() == Delimiter::Parenthesis
                        && METHODS.iter().any(|known| name == known) =>
                {
                    if let Some((key, span)) = group.stream().into_iter().next().and_then(|token| literal(&token)) {
                        found(key, span, false);
                    }
                }
                _ => {}
            }
            walk(group.stream(), found);
        }
        before = [before[1].take(), Some(token)];
    }
}

/// The key of a call: its first token or, behind `in handle,`, the first one after.
fn asked(tokens: TokenStream) -> Option<(String, proc_macro2::Span)> {
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
fn literal(token: &TokenTree) -> Option<(String, proc_macro2::Span)> {
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

    fn keys(code: &str) -> Vec<(String, bool)> {
        let mut keys = Vec::new();
        walk(code.parse().expect("tokens"), &mut |key, _, by_macro| keys.push((key, by_macro)));
        keys
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
            ("plain", true),
            ("by-path", true),
            ("in-println", true),
            ("in-assert", true),
            ("in-select", true),
            ("of-a-handle", true),
            ("by-method", false),
            ("too", false),
            ("raw", true),
        ];
        assert_eq!(keys(code), expected.map(|(key, by_macro)| (key.to_owned(), by_macro)));
    }
}
