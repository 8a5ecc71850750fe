//! One process that expands macros of many crates for hours, as rust-analyzer's does.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Compilation, Manifest};
use crate::check::DeclaredKind;

/// A temporary folder. It is the root of a repository, so that no file above it matters.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary directory"));
        fs::create_dir(folder.path(".git")).expect("a folder");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and creates its folder.
    fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, contents).expect("a file");
        path
    }

    /// Returns the error for `key` in the crate in `folder`.
    fn error(&self, folder: &str, key: &str) -> Option<String> {
        error_of(&self.path(folder), None, key)
    }

    fn error_with(&self, folder: &str, named: &str, key: &str) -> Option<String> {
        error_of(&self.path(folder), Some(named), key)
    }
}

fn compilation(folder: &Path, named: Option<&str>) -> Compilation {
    let (folder, named) = (Some(folder.to_owned()), named.map(Into::into));
    Compilation { folder, named, name: None, found: OnceCell::new() }
}

fn error_of(folder: &Path, named: Option<&str>, key: &str) -> Option<String> {
    match compilation(folder, named).manifest() {
        Manifest::None => None,
        Manifest::Declared(declarations) => declarations.undeclared_error(key, DeclaredKind::Flag),
        Manifest::Invalid(message) => Some(message.clone()),
    }
}

#[test]
fn each_crate_is_checked_against_its_own_file() {
    let folder = Folder::new();
    folder.write("a/flags.toml", "[flags]\nfast = false\n");
    folder.write("b/flags.toml", "[flags]\nsmall = false\n");
    for _ in 0..2 {
        assert_eq!(folder.error("a", "fast"), None);
        assert!(folder.error("a", "small").expect("an error").contains("a/flags.toml"));
        assert_eq!(folder.error("b", "small"), None);
        assert!(folder.error("b", "fast").expect("an error").contains("b/flags.toml"));
        assert_eq!(folder.error("c", "anything"), None, "a crate without a file");
    }
    assert_eq!(error_of(Path::new("/"), Some("off"), "anything"), None);
}

#[test]
fn a_migration_and_a_flag_are_declared_by_their_own_macro() {
    let folder = Folder::new();
    let file = "[flags]\nfast = false\nsplit = { kind = \"migration\", stage = \"live\" }\nstaged = { stage = \"off\" }\n\
                moved = { kind = \"migration\" }\n";
    folder.write("flags.toml", file);
    let compilation = compilation(&folder.path(""), None);
    let Manifest::Declared(declarations) = compilation.manifest() else { panic!("a manifest") };
    for key in ["split", "staged", "moved"] {
        assert_eq!(declarations.undeclared_error(key, DeclaredKind::Migration), None);
        let error = declarations.undeclared_error(key, DeclaredKind::Flag).expect("an error");
        assert!(error.contains("is never on") && error.contains("declare it with `migration!`"), "{error}");
    }
    assert_eq!(declarations.undeclared_error("fast", DeclaredKind::Flag), None);
    let error = declarations.undeclared_error("fast", DeclaredKind::Migration).expect("an error");
    assert!(error.contains("declare it there with `kind = \"migration\"`"), "{error}");
    let error = declarations.undeclared_error("other", DeclaredKind::Migration).expect("an error");
    assert!(error.contains("flagkit new other --kind migration"), "{error}");
    // A file that states no stage leaves it to another layer.
    let stages = ["split", "staged", "moved", "fast"].map(|key| declarations.stage(key));
    assert_eq!(stages, [Some("live"), Some("off"), None, None]);
}

#[test]
fn the_compiler_follows_the_file_of_each_crate() {
    let folder = Folder::new();
    let path = folder.write("flags.toml", "[flags]\nfast = false\n");
    let included = |name: &str| {
        let compilation = Compilation { name: Some(name.into()), ..compilation(&folder.path(""), None) };
        let code = compilation.dependency().to_string();
        assert_eq!(code.contains("include_bytes"), code.contains(path.to_str().expect("UTF-8")), "{code}");
        code.contains("include_bytes")
    };
    assert!(included("lib"));
    assert!(!included("lib"), "once is enough");
    assert!(included("bin"), "another crate of the same package");
}

#[test]
fn a_changed_file_is_read_again() {
    let folder = Folder::new();
    let path = folder.write("flags.toml", "[flags]\nold = false\n");
    assert_eq!(folder.error("", "old"), None);
    assert!(folder.error("", "new").is_some());

    // The same length, and perhaps the same time.
    for (now, before) in [("new", "old"), ("old", "new"), ("abc", "old"), ("xyz", "abc")] {
        fs::write(&path, format!("[flags]\n{now} = false\n")).expect("a file");
        assert_eq!(folder.error("", now), None);
        assert!(folder.error("", before).is_some());
    }
    // An old time, which copying keeps.
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    for (now, before) in [("new", "xyz"), ("old", "new")] {
        fs::write(&path, format!("[flags]\n{now} = false\n")).expect("a file");
        fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(old)).expect("a time");
        assert_eq!(folder.error("", now), None);
        assert!(folder.error("", before).is_some());
    }

    fs::write(&path, "[flags\n").expect("a file");
    assert!(folder.error("", "old").expect("an error").contains("cannot parse"));
    fs::remove_file(&path).expect("removed");
    assert_eq!(folder.error("", "anything"), None);
    folder.write("flags.toml", "[flags]\nnew = false\n");
    assert_eq!(folder.error("", "new"), None);
    folder.write("crate/flags.toml", "[flags]\nnearer = false\n");
    assert_eq!(folder.error("crate", "nearer"), None);
    assert!(folder.error("crate", "new").is_some());
}

#[test]
fn a_file_of_another_tool_is_no_manifest() {
    let folder = Folder::new();
    folder.write("flags.toml", "[flags]\nfast = false\n");
    for foreign in [
        "opt_level = \"speed\"\n",
        "",
        "flags = [\"-O2\", \"-g\"]\n",
        "flags = \"-O2\"\n",
        "[flags]\nopt_level = \"speed\"\njobs = 4\ncpus = [\"x86\"]\n",
        "[compiler.flags]\ndebug = true\n",
        "[[flags]]\nname = \"debug\"\n",
    ] {
        folder.write("crate/flags.toml", foreign);
        assert_eq!(folder.error("crate", "fast"), None, "{foreign}");
        assert!(folder.error("crate", "small").expect("an error").contains("the flag `small`"), "{foreign}");
        // The compiler follows both files: the nearer one may become the manifest.
        let files = ["crate/flags.toml", "flags.toml"].map(|name| folder.path(name));
        assert_eq!(compilation(&folder.path("crate"), None).found().files, files);
        fs::remove_dir_all(folder.path("crate")).expect("removed");
    }
    for ours in ["[flags]\n", "flags = {}\n", "[flags]\nx = \"speed\"\ny = '25%'\n", "[flags.x]\n", "flags.x = true\n"]
    {
        folder.write("crate/flags.toml", ours);
        assert!(folder.error("crate", "fast").expect(ours).contains("crate/flags.toml"), "{ours}");
    }
}

#[test]
fn a_file_outside_of_the_project_is_no_manifest() {
    // A package by itself.
    let folder = Folder::new();
    fs::remove_dir(folder.path(".git")).expect("removed");
    folder.write("flags.toml", "[flags]\nfar = false\n");
    folder.write("app/Cargo.toml", "[package]\nname = \"app\"\n");
    assert_eq!(folder.error("app", "anything"), None);

    // A member of a workspace, then a workspace in a repository.
    folder.write("app/tools/x/Cargo.toml", "[package]\nname = \"x\"\n");
    folder.write("app/flags.toml", "[flags]\nnear = false\n");
    assert_eq!(folder.error("app/tools/x", "anything"), None);
    folder.write("app/Cargo.toml", "[workspace]\nmembers = [\"tools/x\"]\n");
    assert_eq!(folder.error("app/tools/x", "near"), None);
    assert!(folder.error("app/tools/x", "far").expect("an error").contains("app/flags.toml"));
    fs::remove_file(folder.path("app/flags.toml")).expect("removed");
    assert_eq!(folder.error("app/tools/x", "anything"), None);
    fs::create_dir(folder.path(".git")).expect("a folder");
    assert_eq!(folder.error("app/tools/x", "far"), None);
    assert!(folder.error("app/tools/x", "near").expect("an error").contains("flags.toml"));

    // A submodule has a file `.git`. The workspace is further up.
    let folder = Folder::new();
    fs::remove_dir(folder.path(".git")).expect("removed");
    folder.write("Cargo.toml", "[workspace]\nmembers = [\"sub\"]\n");
    folder.write("flags.toml", "[flags]\nfar = false\n");
    folder.write("sub/Cargo.toml", "[package]\nname = \"sub\"\n");
    folder.write("sub/.git", "gitdir: elsewhere\n");
    assert_eq!(folder.error("sub", "far"), None);
    assert!(folder.error("sub", "near").is_some());

    // A member that names its workspace.
    let folder = Folder::new();
    fs::remove_dir(folder.path(".git")).expect("removed");
    folder.write("flags.toml", "[flags]\nfar = false\n");
    folder.write("a/b/Cargo.toml", "[package]\nname = \"b\"\nworkspace = \"../..\"\n");
    assert_eq!(folder.error("a/b", "far"), None);
    assert!(folder.error("a/b", "near").is_some());
}

#[test]
fn code_of_others_is_never_checked() {
    for mark in [".cargo-ok", ".cargo-checksum.json", ".cargo_vcs_info.json"] {
        let folder = Folder::new();
        folder.write("flags.toml", "[flags]\n");
        folder.write(&format!("vendor/{mark}"), "{}");
        assert_eq!(folder.error("vendor", "anything"), None, "{mark}");
        // The variable is for the crates of the application.
        assert_eq!(folder.error_with("vendor", "others.toml", "anything"), None, "{mark}");
        assert!(folder.error("", "anything").is_some());
    }
    let folder = Folder::new();
    folder.write("checkout/.cargo-ok", "");
    folder.write("checkout/flags.toml", "[flags]\n");
    assert_eq!(folder.error("checkout/member", "anything"), None, "a member of a git dependency");
}

#[test]
fn the_variable_names_a_file() {
    let folder = Folder::new();
    folder.write("flags.toml", "[flags]\nfast = false\n");
    let other = folder.write("config/flags.toml", "[flags]\nother = false\n");
    fs::create_dir(folder.path("app")).expect("a folder");
    for named in ["../config/flags.toml", other.to_str().expect("UTF-8")] {
        assert_eq!(folder.error_with("app", named, "other"), None);
        assert!(folder.error_with("app", named, "fast").is_some());
    }
    let outside_of_cargo = Compilation { folder: None, ..compilation(Path::new(""), other.to_str()) };
    assert!(matches!(outside_of_cargo.manifest(), Manifest::Declared(_)));

    folder.write("none.toml", "opt_level = 3\n");
    folder.write("array.toml", "flags = []\n");
    folder.write("flags.json", "{\"flags\":{}}");
    for (named, reason) in [
        ("none.toml", "cannot use FOLDER/none.toml: it has no table `[flags]`"),
        ("array.toml", "cannot use FOLDER/array.toml: it has no table `[flags]`"),
        ("flags.json", "cannot parse FOLDER/flags.json: got JSON, expected TOML"),
        ("config", "cannot read FOLDER/config: got a directory, expected a file"),
        ("missing.toml", "cannot read FOLDER/missing.toml: No such file"),
    ] {
        let error = folder.error_with("", named, "other").expect(named);
        let shown = folder.path("");
        let expected = reason.replace("FOLDER/", shown.to_str().expect("UTF-8"));
        assert!(error.starts_with(&expected) && error.contains("\n= help: "), "{error}");
    }
}

#[test]
fn every_encoding_and_line_end_is_read_or_named() {
    let folder = Folder::new();
    let utf_16: Vec<u8> = "\u{feff}[flags]\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    folder.write("flags.toml", "\u{feff}[flags]\r\nfast = true\r\n[flags.slow]\r\non = false\r\n");
    assert_eq!((folder.error("", "fast"), folder.error("", "slow")), (None, None));

    let invalid: [(&[u8], &str); 5] = [
        (&utf_16, "flags.toml: got UTF-16, expected UTF-8"),
        (b"[flags]\nx = \"\xe9\"\n", "flags.toml:2:6: got a byte that is not UTF-8"),
        ("\u{feff}flags = = 1".as_bytes(), "flags.toml:1:9: "),
        ("[flags]\r\n\"é\" = = 1\r\n".as_bytes(), "flags.toml:2:7: "),
        (b"[flags]\nx = true\nx = true\n", "flags.toml:3:1: "),
    ];
    for (bytes, reason) in invalid {
        folder.write("flags.toml", bytes);
        let error = folder.error("", "fast").expect(reason);
        assert!(error.starts_with("cannot parse ") && error.contains(reason), "{error}");
    }
}

#[test]
fn a_file_that_is_too_large_is_an_error() {
    let folder = Folder::new();
    let mut text = b"[flags]\nfast = true\n# ".to_vec();
    text.resize(8 * 1024 * 1024, b'x');
    folder.write("flags.toml", &text);
    assert_eq!(folder.error("", "fast"), None);
    text.push(b'x');
    folder.write("flags.toml", &text);
    let error = folder.error("", "fast").expect("an error");
    assert!(error.contains("flags.toml: got 8388609 bytes, expected at most 8388608"), "{error}");
}

#[test]
fn a_directory_of_that_name_is_no_manifest() {
    let folder = Folder::new();
    fs::create_dir_all(folder.path("crate/flags.toml")).expect("a folder");
    assert_eq!(folder.error("crate", "anything"), None);
    folder.write("flags.toml", "[flags]\nfast = true\n");
    assert_eq!(folder.error("crate", "fast"), None);
    assert!(folder.error("crate", "slow").is_some());
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::Command;

    use super::*;

    #[test]
    fn a_link_is_followed() {
        let folder = Folder::new();
        folder.write("config/a.toml", "[flags]\nfast = false\n");
        folder.write("config/b.toml", "[flags]\nslow = false\n");
        symlink("config/a.toml", folder.path("flags.toml")).expect("a link");
        assert_eq!(folder.error("", "fast"), None);
        fs::remove_file(folder.path("flags.toml")).expect("removed");
        symlink("config/b.toml", folder.path("flags.toml")).expect("a link");
        assert_eq!(folder.error("", "slow"), None);
        assert!(folder.error("", "fast").is_some());

        fs::remove_dir_all(folder.path("config")).expect("removed");
        let error = folder.error("", "slow").expect("an error");
        assert!(error.contains("flags.toml: it is a link to a file that does not exist"), "{error}");
        let compilation = compilation(&folder.path(""), None);
        let files = &compilation.found().files;
        assert!(files.is_empty(), "the compiler cannot follow a file that is not there: {files:?}");
    }

    #[test]
    fn an_unreadable_file_is_an_error() {
        let folder = Folder::new();
        let path = folder.write("flags.toml", "[flags]\n");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("a mode");
        if fs::File::open(&path).is_ok() {
            println!("SKIPPED: this user can read every file");
            return;
        }
        let error = folder.error("", "fast").expect("an error");
        assert!(error.starts_with("cannot read ") && error.contains("Permission denied"), "{error}");
    }

    #[test]
    fn a_named_pipe_does_not_block_the_compiler() {
        let folder = Folder::new();
        let made = Command::new("mkfifo").arg(folder.path("flags.toml")).status().expect("mkfifo runs");
        assert!(made.success());
        assert_eq!(folder.error("", "anything"), None);
        let error = folder.error_with("", "flags.toml", "anything").expect("an error");
        assert!(error.contains("flags.toml: expected a regular file"), "{error}");
        let error = folder.error_with("", "/dev/zero", "anything").expect("an error");
        assert!(error.contains("/dev/zero: expected a regular file"), "{error}");
    }
}

/// The command in an error can be pasted into a shell.
#[test]
fn a_path_is_quoted_if_a_shell_needs_it() {
    for (path, quoted) in [
        ("/srv/shop/flags.toml", "/srv/shop/flags.toml"),
        ("/my shop/flags.toml", "'/my shop/flags.toml'"),
        ("/o'neil/$x/flags.toml", r"'/o'\''neil/$x/flags.toml'"),
        ("/日本/flags.toml", "/日本/flags.toml"),
    ] {
        assert_eq!(super::shell_quoted(path), quoted);
    }
}
