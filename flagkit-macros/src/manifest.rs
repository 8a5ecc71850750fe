//! The flag file that declares what may be asked for, at the time of compiling.
//!
//! # The problem
//!
//! A key that nobody declares is dark for ever, and a typo looks like a flag that is off.
//!
//! # The idea
//!
//! The nearest `flags.toml`, from the folder of the crate upwards, is the list of what may be asked for. Where there is
//! none nothing is checked: a library declares its flags to whoever uses it, in words. A crate that came from a registry
//! or a vendored folder is not checked either; the application's file is no business of its.
//!
//! # How it works
//!
//! The file is read once per crate that is compiled. The first call that is expanded includes its bytes in an unused
//! constant: that is how the compiler learns that the crate is to be compiled again when the file changes.
//!
//! `FLAGKIT_MANIFEST` names another file (from the folder of the crate, if it is relative), or says `off`.

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

/// What the file declares.
pub(crate) struct Manifest {
    path: PathBuf,
    keys: BTreeSet<String>,
}

/// What is known of the flags that may be asked for.
pub(crate) enum Declared {
    /// Nothing: nothing is checked.
    Unknown,
    Known(Manifest),
    /// There is a file, and it cannot be used.
    Broken(String),
}

/// The flags that this crate may ask for.
pub(crate) fn declared() -> &'static Declared {
    static DECLARED: OnceLock<Declared> = OnceLock::new();
    DECLARED.get_or_init(|| match find() {
        Some(path) => Manifest::read(path),
        None => Declared::Unknown,
    })
}

/// What has the crate compiled again when the file or the variable changes. Once is enough.
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
        Declared::Unknown | Declared::Broken(_) => variable,
    }
}

fn find() -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    match env::var_os(VARIABLE) {
        Some(value) if value == "off" => None,
        Some(value) if !value.is_empty() => Some(folder.join(value)),
        _ if is_of_others(&folder) => None,
        _ => folder.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file()),
    }
}

/// Whether the crate came from a registry or a vendored folder: cargo leaves a mark there.
fn is_of_others(folder: &Path) -> bool {
    [".cargo-ok", ".cargo-checksum.json", ".cargo_vcs_info.json"].iter().any(|mark| folder.join(mark).exists())
}

impl Manifest {
    fn read(path: PathBuf) -> Declared {
        let shown = path.display();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                return Declared::Broken(format!("{shown}, which declares the flags, cannot be read: {error}"));
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
                Declared::Broken(format!("{shown}:{line}:{column}: not well-formed TOML: {}", error.message()))
            }
        }
    }

    /// Says what is wrong with a key that is not declared.
    pub(crate) fn objection(&self, key: &str) -> Option<String> {
        if self.keys.contains(key) {
            return None;
        }
        let scored = self.keys.iter().map(|known| (strsim::jaro_winkler(key, known), known));
        let nearest = scored.filter(|(score, _)| *score > 0.85).max_by(|a, b| a.0.total_cmp(&b.0));
        let help = match nearest {
            Some((_, known)) => format!("did you mean `{known}`?"),
            None => format!("declare it there, dark: `flagkit new {key}`"),
        };
        Some(format!("the flag `{key}` is declared nowhere in {}; {help}", self.path.display()))
    }
}
