//! A relative path is resolved against the working directory at the time the `File` is created. The working directory
//! belongs to the whole process, so each test here runs in a child.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::{self, TestDir, document, in_a_child, is_on, wait_until};
use flagkit_core::source::{Load, LoadError, Provenance, Publisher, Source};
use flagkit_sources::{Builder, File, Notify};

const CHILD: &str = "THIS_IS_THE_CHILD";

/// Runs `test` in a child. Its working directory holds a flag file that is off, and a directory with one that is on.
fn in_a_directory(test: &str, body: fn()) {
    if env::var_os(CHILD).is_some() {
        return body();
    }
    let folder = TestDir::new();
    folder.write(document("checkout", false));
    fs::create_dir(folder.path("elsewhere")).expect("made");
    fs::write(folder.path("elsewhere/flags.toml"), document("wrong", true)).expect("written");
    in_a_child(
        module_path!(),
        test,
        folder.flags().parent().expect("a parent"),
        &[(OsStr::new(CHILD), OsStr::new("1"))],
    );
}

fn change_directory() {
    env::set_current_dir("elsewhere").expect("moved on");
}

#[test]
fn a_change_of_directory_while_it_runs() {
    in_a_directory("a_change_of_directory_while_it_runs", || {
        for file in [
            File::new("flags.toml"),
            File::new("./elsewhere/../flags.toml").notify(Notify::Off).poll_every(Duration::from_millis(20)),
        ] {
            let home = env::current_dir().expect("a directory");
            fs::write("flags.toml", document("checkout", false)).expect("written");
            let guard = support::start(file);
            // The source follows the file before the working directory changes.
            fs::write("flags.toml", "[flags]\ncheckout = false\nhere = true\n").expect("written");
            wait_until("the first change is seen", || is_on(&guard, "here"));
            let shown = support::status(&guard).provenance.to_string();
            assert!(Path::new(shown.strip_prefix("file:").expect("a file")).is_absolute(), "{shown}");
            assert!(shown.starts_with(&format!("file:{}/", home.display())), "{shown}");
            change_directory();
            fs::write(home.join("flags.toml"), document("checkout", true)).expect("written");
            wait_until("the change is seen", || is_on(&guard, "checkout"));
            assert!(!is_on(&guard, "wrong"));
            env::set_current_dir(home).expect("back home");
        }
    });
}

#[test]
fn a_change_of_directory_before_the_start() {
    in_a_directory("a_change_of_directory_before_the_start", || {
        let file = File::new("flags.toml");
        change_directory();
        let guard = support::start(file);
        assert!(!is_on(&guard, "wrong"));
        assert!(guard.flags().snapshot().flag("checkout").is_some());
    });
}

/// The process changes its directory as soon as the flags are loaded, which is when `start` returns, as a daemon does.
struct ChangesDirectory(File);

impl Source for ChangesDirectory {
    fn provenance(&self) -> Provenance {
        self.0.provenance()
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        let load = self.0.load();
        change_directory();
        load
    }

    fn run(&mut self, publisher: &Publisher) {
        self.0.run(publisher);
    }
}

#[test]
fn a_change_of_directory_as_soon_as_it_has_started() {
    in_a_directory("a_change_of_directory_as_soon_as_it_has_started", || {
        let home = env::current_dir().expect("a directory");
        let guard = Builder::new().source(ChangesDirectory(File::new("flags.toml"))).start().expect("starts");
        let flags = guard.flags();
        fs::write(home.join("flags.toml"), document("checkout", true)).expect("written");
        wait_until("the change is seen", || {
            assert!(!flags.is_on("wrong", &()), "another file is followed");
            flags.is_on("checkout", &())
        });
        assert!(Path::new("flags.toml").exists());
    });
}
