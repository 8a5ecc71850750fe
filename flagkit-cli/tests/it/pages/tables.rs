//! The tables of features and the numbers of dependencies are those of the manifests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use super::{Page, repository};

const CRATES: [&str; 5] = ["flagkit-core", "flagkit-macros", "flagkit-sources", "flagkit-server", "flagkit-cli"];

/// Returns each feature of a crate, and whether it is on by default.
fn features(name: &str) -> BTreeMap<String, bool> {
    let text = fs::read_to_string(repository().join(name).join("Cargo.toml")).expect(name);
    let manifest: toml::Table = text.parse().expect("TOML");
    let Some(features) = manifest.get("features").and_then(toml::Value::as_table) else { return BTreeMap::new() };
    let default = features.get("default").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let names = features.keys().filter(|name| *name != "default");
    names.map(|name| (name.clone(), default.contains(&toml::Value::String(name.clone())))).collect()
}

/// Returns the cells of each row of the tables in a text, without backticks.
fn rows(text: &str) -> impl Iterator<Item = Vec<String>> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix('|')?.strip_suffix('|'))
        .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect())
}

#[test]
fn the_readme_lists_every_feature_of_every_crate() {
    let expected: BTreeSet<(String, String, bool)> = CRATES
        .iter()
        .flat_map(|name| features(name).into_iter().map(|(feature, on)| ((*name).to_owned(), feature, on)))
        .collect();
    let readme = Page::read("README.md");
    let listed: BTreeSet<(String, String, bool)> = rows(&readme.text)
        .filter(|cells| cells.len() == 4 && CRATES.contains(&cells[0].as_str()) && !cells[3].is_empty())
        .map(|cells| (cells[0].clone(), cells[1].clone(), cells[2] == "on"))
        .collect();
    assert_eq!(listed, expected);
    assert!(!listed.iter().any(|(.., on)| *on), "the README says that every feature is off by default");
}

#[test]
fn the_front_page_of_each_crate_lists_its_features() {
    for name in CRATES {
        let expected = features(name);
        let page = fs::read_to_string(repository().join(name).join("src/lib.rs")).expect(name);
        let docs: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("//!")).collect();
        let listed: BTreeMap<String, bool> = rows(&docs.join("\n"))
            .filter(|cells| cells.len() == 3 && ["on", "off"].contains(&cells[1].as_str()))
            .map(|cells| (cells[0].clone(), cells[1] == "on"))
            .collect();
        assert_eq!(listed, expected, "{name}");
    }
}

/// Returns how many crates a build of a package needs, itself included.
fn crates(package: &str, features: &[&str]) -> usize {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(repository()).args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none"]);
    command.args(["--format", "{p}", "--no-dedupe", "--package", package, "--no-default-features"]);
    command.args(features.iter().flat_map(|feature| ["--features", feature]));
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").lines().collect::<BTreeSet<_>>().len()
}

/// The numbers differ from system to system.
#[cfg(target_os = "linux")]
#[test]
fn the_readme_counts_the_crates_of_a_build() {
    let readme = Page::read("README.md").prose();
    for number in [
        format!("{} crates in total, {} of them", crates("flagkit-core", &[]), crates("flagkit-macros", &[])),
        format!(
            "{} crates in total, {} with `http`",
            crates("flagkit-sources", &[]),
            crates("flagkit-sources", &["http"])
        ),
    ] {
        assert!(readme.contains(&number), "the README does not say: {number}");
    }
}
