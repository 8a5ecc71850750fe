//! A key that the flag file of a crate does not declare is a compile error. cargo builds a real crate here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Crate {
    folder: tempfile::TempDir,
}

impl Crate {
    /// A crate in a folder below the flag file, as in a workspace.
    fn new() -> Self {
        let app = Self { folder: tempfile::tempdir().expect("a temporary directory") };
        let core = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::create_dir_all(app.path("app/src")).expect("a folder");
        let manifest = format!(
            "[workspace]\n[package]\nname = \"app\"\nedition = \"2024\"\n[dependencies]\n\
             flagkit-core = {{ path = '{}', features = [\"testing\"] }}\n",
            core.display()
        );
        fs::write(app.path("app/Cargo.toml"), manifest).expect("a file");
        // The same versions as in the workspace, so cargo downloads nothing.
        fs::copy(core.join("../Cargo.lock"), app.path("app/Cargo.lock")).expect("a file");
        app
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    fn check(&self, manifest: Option<&str>) -> Output {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(self.path("app")).args(["check", "--tests", "--offline", "--quiet", "--color", "never"]);
        // The dependencies are built once for all runs of this test.
        command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("declarations"));
        command.env_remove("FLAGKIT_MANIFEST").envs(manifest.map(|manifest| ("FLAGKIT_MANIFEST", manifest)));
        command.output().expect("cargo runs")
    }

    #[track_caller]
    fn builds(&self, manifest: Option<&str>) {
        let output = self.check(manifest);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[track_caller]
    fn fails(&self, manifest: Option<&str>) -> String {
        let output = self.check(manifest);
        assert!(!output.status.success(), "the crate builds");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

const CODE: &str = "use flagkit_core::{flag, variant};\n\
    fn main() {\n    \
        let handle = flagkit_core::Flags::new();\n    \
        println!(\"{}\", flag!(\"new-checkout\"));\n    \
        assert!(variant!(in handle, \"theme\", id = 1).is_none());\n\
    }\n";

#[test]
fn an_undeclared_key_does_not_build() {
    let app = Crate::new();
    app.write("app/src/main.rs", CODE);
    app.builds(None);

    // The compiler finds a new file only after a change of the code.
    app.write("flags.toml", "[flags]\nnew-chekout = false\n");
    app.write("app/src/main.rs", &format!("{CODE}\n// Changed.\n"));
    let errors = app.fails(None);
    assert!(errors.contains("cannot find the flag `new-checkout` in "), "{errors}");
    assert!(errors.contains("did you mean `new-chekout`?"), "{errors}");
    assert!(errors.contains("cannot find the flag `theme` in "), "{errors}");
    assert!(errors.contains("to declare it, dark, run `flagkit new theme`"), "{errors}");
    assert!(errors.contains("4:26") || errors.contains("main.rs:4"), "the error is at the literal: {errors}");
    app.builds(Some("off"));

    // Only the file changes.
    app.write("flags.toml", "[flags]\nnew-checkout = false\n[flags.theme]\non = false\n");
    app.builds(None);
    app.write("flags.toml", "[flags]\nnew-checkout = false\n");
    let errors = app.fails(None);
    assert!(errors.contains("`theme`") && !errors.contains("`new-checkout`"), "{errors}");

    app.write("flags.toml", "[flags]\nnew-checkout = = false\n");
    let errors = app.fails(None);
    assert!(errors.contains("flags.toml:2:16: "), "{errors}");

    // The nearest file counts. `FLAGKIT_MANIFEST` may name another one.
    app.write("app/flags.toml", "[flags]\nnew-checkout = false\ntheme = false\n");
    app.write("flags.toml", "[flags]\n");
    app.builds(None);
    app.write("app/others.toml", "[flags]\ntheme = false\n");
    let errors = app.fails(Some("others.toml"));
    assert!(errors.contains("`new-checkout`") && !errors.contains("`theme`"), "{errors}");
    let errors = app.fails(Some("nowhere.toml"));
    assert!(errors.contains("cannot read"), "{errors}");

    // A crate from a registry is not checked against the file of the workspace that builds it.
    app.write("app/.cargo-checksum.json", "{}");
    app.write("app/flags.toml", "[flags]\n");
    app.builds(None);
}

/// The attribute on its own makes the compiler track the file.
#[test]
fn an_undeclared_key_of_a_test_does_not_build() {
    let app = Crate::new();
    app.write("flags.toml", "[flags]\nsearch = false\n");
    let test = "use flagkit_core::testing::flag_test;\n\n#[flag_test(\"search\")]\nfn works() {}\n";
    app.write("app/src/lib.rs", test);
    app.builds(None);
    app.write("flags.toml", "[flags]\nsearch-v2 = false\n");
    let errors = app.fails(None);
    assert!(errors.contains("cannot find the flag `search` in "), "{errors}");
    assert!(errors.contains("did you mean `search-v2`?"), "{errors}");
}
