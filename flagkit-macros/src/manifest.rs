//! The manifest: the flag file that declares the keys a crate may read, at compile time.
//!
//! # The problem
//!
//! A key without a declaration is dark for ever, and a typo looks like a flag that is off.
//!
//! # The idea
//!
//! The manifest is the nearest `flags.toml`, from the folder of the crate upwards. Without one, nothing is checked: a
//! library documents its flags for its users instead. A crate from a registry or a vendored folder is not checked either,
//! because the application's file does not declare its flags.
//!
//! # How it works
//!
//! The file is read once per compiled crate. The first expanded call includes its bytes in an unused constant, so the
//! compiler builds the crate again when the file changes.
//!
//! The environment variable `FLAGKIT_MANIFEST` names another file, relative to the folder of the crate, or is `off`.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use proc_macro2::TokenStream;
use quote::quote;
use toml::de::{DeTable, DeValue};

const NAME: &str = "flags.toml";
const VARIABLE: &str = "FLAGKIT_MANIFEST";

/// The keys that the file declares.
pub(crate) struct Manifest {
    path: PathBuf,
    keys: BTreeSet<String>,
}

/// The result of looking for the manifest.
pub(crate) enum Declared {
    /// There is no manifest, so nothing is checked.
    Unknown,
    Known(Manifest),
    /// There is a file, and it cannot be used. Holds the error message.
    Invalid(String),
}

/// Returns the flags that this crate may read. Looks for the manifest once.
pub(crate) fn declared() -> &'static Declared {
    static DECLARED: OnceLock<Declared> = OnceLock::new();
    DECLARED.get_or_init(|| match find() {
        Some(path) => Manifest::read(path),
        None => Declared::Unknown,
    })
}

/// Returns code that makes the compiler build the crate again when the file or the variable changes.
///
/// Empty after the first call, because one expansion per crate is enough.
pub(crate) fn dependency() -> TokenStream {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.swap(true, Ordering::Relaxed) {
        return TokenStream::new();
    }
    let variable = quote!(
        const _: ::core::option::Option<&::core::primitive::str> = ::core::option_env!(#VARIABLE);
    );
    match declared() {
        Declared::Known(manifest) => match manifest.path.to_str() {
            Some(path) => quote!(#variable const _: &[::core::primitive::u8] = ::core::include_bytes!(#path);),
            None => variable,
        },
        Declared::Unknown | Declared::Invalid(_) => variable,
    }
}

fn find() -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    match env::var_os(VARIABLE) {
        Some(value) if value == "off" => None,
        Some(value) if !value.is_empty() => Some(folder.join(value)),
        _ if is_third_party(&folder) => None,
        _ => folder.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file()),
    }
}

/// Returns whether the crate comes from a registry or a vendored folder. Cargo leaves a marker file there.
fn is_third_party(folder: &Path) -> bool {
    [".cargo-ok", ".cargo-checksum.json", ".cargo_vcs_info.json"].iter().any(|mark| folder.join(mark).exists())
}

impl Manifest {
    fn read(path: PathBuf) -> Declared {
        let shown = path.display();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                return Declared::Invalid(format!("cannot read {shown}, which declares the flags: {error}"));
            }
        };
        match DeTable::parse(&text) {
            Ok(root) => {
                let flags = root.get_ref().iter().find(|(name, _)| name.get_ref() == "flags");
                let keys = match flags.map(|(_, flags)| flags.get_ref()) {
                    Some(DeValue::Table(flags)) => flags.keys().map(|key| key.get_ref().to_string()).collect(),
                    _ => BTreeSet::new(),
                };
                Declared::Known(Self { path, keys })
            }
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
                let (line, column) =
                    (before.matches('\n').count() + 1, before.rsplit('\n').next().unwrap_or("").chars().count() + 1);
                Declared::Invalid(format!("cannot parse {shown}:{line}:{column}: {}", error.message()))
            }
        }
    }

    /// Returns the error for a key that the manifest does not declare.
    pub(crate) fn undeclared_error(&self, key: &str) -> Option<String> {
        if self.keys.contains(key) {
            return None;
        }
        let scored = self.keys.iter().map(|declared| (strsim::jaro_winkler(key, declared), declared));
        let nearest = scored.filter(|(score, _)| *score > 0.85).max_by(|a, b| a.0.total_cmp(&b.0));
        let help = match nearest {
            Some((_, declared)) => format!("did you mean `{declared}`?"),
            None => format!("to declare it, dark, run `flagkit new {key}`"),
        };
        Some(format!("cannot find the flag `{key}` in {}; {help}", self.path.display()))
    }
}
