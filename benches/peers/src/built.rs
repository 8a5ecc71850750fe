//! The dependencies of a peer: the number of crates in its build, and the time of a clean build.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use benches::table::Table;

/// The peers as named in the manifest, in the order of the other tables.
const CRATES: [&str; 13] = [
    "flagkit-core",
    "flagkit-sources",
    "launchdarkly-server-sdk-evaluation",
    "unleash-yggdrasil",
    "unleash-api-client",
    "growthbook-rust",
    "flagsmith-flag-engine",
    "eppo_core",
    "configcat",
    "posthog-rs",
    "feature-flag",
    "featureflag",
    "open-feature",
];

pub(crate) fn table(scratch: &Path) -> Table {
    let title = "Crates in a build, and the seconds of a clean release build on this machine";
    let mut table = Table::new("peers-built", title, &["", "crates", "seconds"]);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest: toml::Table =
        toml::from_str(&fs::read_to_string(here.join("Cargo.toml")).expect("it is there")).expect("good TOML");
    for name in CRATES {
        let folder = scratch.join(name);
        fs::create_dir_all(folder.join("src")).expect("a folder");
        fs::write(folder.join("src/lib.rs"), "").expect("a file");
        // Use the same versions as the workspace.
        fs::copy(here.join("Cargo.lock"), folder.join("Cargo.lock")).expect("a file");
        let mut dependency = manifest["dependencies"][name].clone();
        if let Some(path) = dependency.get_mut("path") {
            let absolute = here.join(path.as_str().expect("a text"));
            *path = absolute.to_str().expect("UTF-8").into();
        }
        let mut alone = toml::toml! {
            [workspace]
            [package]
            name = "alone"
            edition = "2024"
            publish = false
        };
        alone.insert("dependencies".to_owned(), toml::Table::from_iter([(name.to_owned(), dependency)]).into());
        let text = toml::to_string(&alone).expect("good TOML");
        fs::write(folder.join("Cargo.toml"), text).expect("a file");
        let cargo = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO"));
            // Use a separate target directory.
            command.current_dir(&folder).env_remove("CARGO_TARGET_DIR").args(arguments);
            command.output().expect("cargo runs")
        };
        // Download all crates before the measurement.
        cargo(&["fetch"]);
        let tree = cargo(&["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
        let tree = String::from_utf8_lossy(&tree.stdout);
        let crates: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
        let begin = Instant::now();
        let built = cargo(&["build", "--release", "--offline"]);
        let seconds = begin.elapsed().as_secs_f64();
        assert!(built.status.success(), "{name}: {}", String::from_utf8_lossy(&built.stderr));
        // Exclude the empty crate that depends on the peer.
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        table.push([name.into(), (crates.len() as f64 - 1.0).into(), seconds.into()]);
        let _ = fs::remove_dir_all(folder);
    }
    table
}
