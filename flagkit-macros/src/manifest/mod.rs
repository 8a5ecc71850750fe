//! The manifest: the flag file that declares the keys a crate may read, at compile time.
//!
//! # The problem
//!
//! A key without a declaration is dark for ever, and a typo looks like a flag that is off.
//!
//! # The idea
//!
//! The manifest is the nearest `flags.toml` with a `[flags]` table, from the folder of the crate upwards. The search ends
//! at the root of the repository or of the cargo workspace, whichever is further up. Without a manifest, nothing is
//! checked: a library documents its flags for its users instead. A crate from a registry or a vendored folder is not
//! checked either, because the application's file does not declare its flags.
//!
//! The environment variable `FLAGKIT_MANIFEST` names another file, relative to the folder of the crate, or is `off`.
//!
//! # How it works
//!
//! Each expansion searches again, because a process may expand macros of many crates: rust-analyzer keeps one for a whole
//! workspace, and for as long as the editor is open. A file is parsed again only when it has changed.
//!
//! The first expanded call of a crate includes the bytes of the file in an unused constant, so the compiler builds the
//! crate again when the file changes.
//!
//! Files, in reading order:
//!
//! - `search`: the files that may be the manifest of a crate, nearest first.
//! - `document`: one such file, parsed: its keys, or why it cannot be used.
//! - `cache`: what was read from a file, until the file changes.

mod cache;
mod document;
mod search;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use proc_macro2::TokenStream;
use quote::quote;

use self::cache::FileCache;
use self::document::{Declared, Document, SyntaxError};
use crate::check::DeclaredKind;

const VARIABLE: &str = "FLAGKIT_MANIFEST";

/// Advice for each error that a file of another tool can cause.
const OTHER_FILE: &str =
    "to use another flag file, set `FLAGKIT_MANIFEST` to its path; to check no keys, set it to `off`";

static DOCUMENTS: FileCache<Result<Arc<Document>, SyntaxError>> = FileCache::new();

/// The crates that the compiler builds again when a file changes; see [`Compilation::dependency`].
static TRACKED: Mutex<BTreeSet<Tracked>> = Mutex::new(BTreeSet::new());

/// A crate, and the files that [`Compilation::dependency`] has named for it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Tracked {
    folder: Option<PathBuf>,
    name: Option<OsString>,
    files: Vec<PathBuf>,
}

/// The compilation of a crate, as cargo describes it. It decides which file is the manifest.
///
/// Each expansion creates one, because a process may expand macros of many crates.
pub(crate) struct Compilation {
    /// The folder of the package. `None` without cargo.
    folder: Option<PathBuf>,
    /// The value of `FLAGKIT_MANIFEST`.
    named: Option<OsString>,
    /// The name of the crate, because a package may have several.
    name: Option<OsString>,
    found: OnceCell<Found>,
}

/// The manifest, and every file that was read to find it.
struct Found {
    manifest: Manifest,
    files: Vec<PathBuf>,
}

/// The manifest of a crate.
pub(crate) enum Manifest {
    /// There is none, so nothing is checked.
    None,
    Declared(Declarations),
    /// There is a file, and it cannot be used. Holds the error message.
    Invalid(String),
}

/// The keys that a file declares.
pub(crate) struct Declarations {
    path: PathBuf,
    document: Arc<Document>,
}

impl Compilation {
    /// Returns the compilation that the current expansion belongs to.
    pub(crate) fn current() -> Self {
        Self {
            folder: env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from),
            named: env::var_os(VARIABLE).filter(|value| !value.is_empty()),
            name: env::var_os("CARGO_CRATE_NAME"),
            found: OnceCell::new(),
        }
    }

    /// Returns the manifest of this crate. Looks for it once.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.found().manifest
    }

    /// Returns code that makes the compiler build the crate again when the manifest or the variable changes.
    ///
    /// Empty after the first call for this crate, because one expansion is enough.
    pub(crate) fn dependency(&self) -> TokenStream {
        let files = &self.found().files;
        let tracked = Tracked { folder: self.folder.clone(), name: self.name.clone(), files: files.clone() };
        // Nothing panics while this lock is held, so the set is consistent even if the lock is poisoned.
        if !TRACKED.lock().unwrap_or_else(PoisonError::into_inner).insert(tracked) {
            return TokenStream::new();
        }
        let paths = files.iter().filter_map(|path| path.to_str());
        quote! {
            const _: ::core::option::Option<&::core::primitive::str> = ::core::option_env!(#VARIABLE);
            #(const _: &[::core::primitive::u8] = ::core::include_bytes!(#paths);)*
        }
    }

    fn found(&self) -> &Found {
        self.found.get_or_init(|| self.find())
    }

    fn find(&self) -> Found {
        let folder = self.folder.as_deref();
        match &self.named {
            Some(value) if value == "off" => Found::none(),
            _ if folder.is_some_and(search::is_third_party) => Found::none(),
            Some(value) => Found::named(folder.map_or_else(|| value.into(), |folder| folder.join(value))),
            None => folder.map_or_else(Found::none, Found::nearest),
        }
    }
}

impl Found {
    fn none() -> Self {
        Self { manifest: Manifest::None, files: Vec::new() }
    }

    /// Uses the file that `FLAGKIT_MANIFEST` names, which must be a flag file.
    fn named(path: PathBuf) -> Self {
        let (manifest, is_readable) = match read(&path) {
            Ok(document) if document.has_flags() => {
                (Manifest::Declared(Declarations { path: path.clone(), document }), true)
            }
            Ok(_) => (invalid("use", &path.display(), &"it has no table `[flags]`"), true),
            Err(unusable) => unusable,
        };
        Self { manifest, files: is_readable.then_some(path).into_iter().collect() }
    }

    /// Uses the nearest flag file. Skips files of other tools with the same name.
    fn nearest(folder: &Path) -> Self {
        let mut files = Vec::new();
        for path in search::candidates(folder) {
            match read(&path) {
                Ok(document) => {
                    files.push(path.clone());
                    if document.is_flag_file() {
                        return Self { manifest: Manifest::Declared(Declarations { path, document }), files };
                    }
                }
                Err((manifest, is_readable)) => {
                    files.extend(is_readable.then_some(path));
                    return Self { manifest, files };
                }
            }
        }
        Self { manifest: Manifest::None, files }
    }
}

/// Reads a document. An error comes with whether the compiler can read the file.
fn read(path: &Path) -> Result<Arc<Document>, (Manifest, bool)> {
    let shown = path.display();
    match DOCUMENTS.get(path, |bytes| document::parse(bytes, path).map(Arc::new)) {
        Ok(Ok(document)) => Ok(document),
        Ok(Err(SyntaxError { location: Some((line, column)), reason })) => {
            Err((invalid("parse", &format_args!("{shown}:{line}:{column}"), &reason), true))
        }
        Ok(Err(SyntaxError { location: None, reason })) => Err((invalid("parse", &shown, &reason), true)),
        Err(error) => Err((invalid("read", &shown, &error), false)),
    }
}

fn invalid(verb: &str, path: &dyn Display, reason: &dyn Display) -> Manifest {
    Manifest::Invalid(format!("cannot {verb} {path}: {reason}\n= help: {OTHER_FILE}"))
}

impl Declarations {
    /// Returns the stage that the manifest states for a migration.
    pub(crate) fn stage(&self, key: &str) -> Option<&str> {
        match self.document.keys().get(key)? {
            Declared::Migration(stage) => stage.as_deref(),
            Declared::Flag => None,
        }
    }

    /// Returns the error for a key that the manifest does not declare, or declares as another kind.
    pub(crate) fn undeclared_error(&self, key: &str, kind: DeclaredKind) -> Option<String> {
        let keys = self.document.keys();
        let path = self.path.display().to_string();
        match (keys.get(key), kind) {
            (Some(Declared::Flag), DeclaredKind::Flag) | (Some(Declared::Migration(_)), DeclaredKind::Migration) => {
                return None;
            }
            (Some(Declared::Migration(_)), DeclaredKind::Flag) => {
                return Some(format!(
                    "`{key}` is a migration in {path}, so it is never on\n\
                     = help: declare it with `migration!`, and read its stage with `plan()`"
                ));
            }
            (Some(Declared::Flag), DeclaredKind::Migration) => {
                return Some(format!(
                    "`{key}` is no migration in {path}\n= help: declare it there with `kind = \"migration\"`"
                ));
            }
            (None, _) => {}
        }
        let scored = keys.keys().map(|declared| (strsim::jaro_winkler(key, declared), declared));
        let nearest = scored.filter(|(score, _)| *score > 0.85).max_by(|a, b| a.0.total_cmp(&b.0));
        let help = if let Some((_, declared)) = nearest {
            format!("did you mean `{declared}`?")
        } else {
            let file = shell_quoted(&path);
            let (state, option) = match kind {
                DeclaredKind::Flag => ("dark", ""),
                DeclaredKind::Migration => ("at stage off", " --kind migration"),
            };
            format!("to declare it, {state}, run `flagkit new {key}{option} --file {file}`\n= help: {OTHER_FILE}")
        };
        Some(format!("cannot find the flag `{key}` in {path}\n= help: {help}"))
    }
}

/// Quotes a path for a POSIX shell, if it needs that.
fn shell_quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c);
    if path.chars().all(is_plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}
