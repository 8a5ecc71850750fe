//! A real workspace in a temporary folder, built by cargo.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A workspace with one package, `app`, in a folder below its root.
pub(super) struct Project {
    folder: tempfile::TempDir,
    /// Cargo takes two workspaces with the same packages for one if they share a target folder. So there is one at a time.
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

impl Project {
    pub(super) fn new() -> Self {
        // A test that failed leaves its folder; the next one writes its own.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let project = Self { folder: tempfile::tempdir().expect("a temporary directory"), _turn: turn };
        let core = Path::new(env!("CARGO_MANIFEST_DIR"));
        project.write("Cargo.toml", "[workspace]\nmembers = [\"app\"]\nresolver = \"3\"\n");
        // `[dependencies]` is last, so that a test can add to it.
        let manifest = format!(
            "[package]\nname = \"app\"\nedition = \"2024\"\n[build-dependencies]\nflagkit-core.path = '{core}'\n\
             [dependencies]\nflagkit-core = {{ path = '{core}', features = [\"testing\"] }}\n",
            core = core.display()
        );
        project.write("app/Cargo.toml", &manifest);
        // The same versions as in the repository, so cargo downloads nothing.
        fs::copy(core.join("../Cargo.lock"), project.path("Cargo.lock")).expect("a file");
        project
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, and creates its folder.
    pub(super) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    pub(super) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("removed");
    }

    /// Runs cargo in the folder of the package. `manifest` is the value of `FLAGKIT_MANIFEST`.
    pub(super) fn cargo(&self, args: &[&str], manifest: Option<&str>) -> Output {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(self.path("app")).args(args).args(["--offline", "--quiet", "--color", "never"]);
        command.env("CARGO_TARGET_DIR", target()).env_remove("FLAGKIT_MANIFEST");
        command.envs(manifest.map(|manifest| ("FLAGKIT_MANIFEST", manifest)));
        command.output().expect("cargo runs")
    }

    #[track_caller]
    pub(super) fn builds(&self, manifest: Option<&str>) {
        let output = self.cargo(&["check", "--all-targets"], manifest);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[track_caller]
    pub(super) fn fails(&self, manifest: Option<&str>) -> String {
        let output = self.cargo(&["check", "--all-targets"], manifest);
        assert!(!output.status.success(), "the crate builds");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

/// The folder of build results. The dependencies are built once for all projects.
pub(super) fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("declarations")
}
