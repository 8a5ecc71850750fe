//! The flag files on the page about migrations are valid.

use super::Page;
use crate::support::Folder;

/// Code that declares the migration of the page, so that it is not unused.
const CODE: &str = "migration! { pub static SPLIT_NAME: \"split-name\", range = Full }\n";

/// Returns the blocks of the page that declare flags.
fn declarations(page: &Page) -> Vec<String> {
    // An expiry date on the page is a finding after its day.
    let blocks = page.blocks().map(|block| block.replace("expires = 20", "expires = 29"));
    blocks.filter(|block| block.contains("kind = \"migration\"")).collect()
}

#[test]
fn every_flag_file_on_the_page_of_migrations_is_valid() {
    let page = Page::read("docs/migrations.md");
    let declarations = declarations(&page);
    assert!(!declarations.is_empty(), "the page declares a migration");
    for text in declarations {
        let folder = Folder::with("flags.toml", &text);
        folder.write("src/main.rs", CODE);
        let ran = folder.run(&["check"]);
        assert_eq!(ran.code, 0, "{text}\n{ran:?}");
        assert!(ran.out.contains("0 errors, 0 warnings"), "{text}\n{ran:?}");
    }
}

#[test]
fn the_gate_on_the_page_of_migrations_is_the_one_of_its_flag() {
    let page = Page::read("docs/migrations.md");
    for text in declarations(&page) {
        let folder = Folder::with("flags.toml", &text);
        let ran = folder.run(&["show", "split-name"]);
        assert_eq!(ran.code, 0, "{text}\n{ran:?}");
        assert!(ran.out.contains("data"), "it has the gate: {ran:?}");
    }
}

#[test]
fn the_environment_on_the_page_of_migrations_holds_the_stage() {
    let page = Page::read("docs/migrations.md");
    let declared = declarations(&page).remove(0);
    let without_stage: Vec<&str> = declared.lines().filter(|line| !line.starts_with("stage")).collect();
    let folder = Folder::with("flags.toml", &without_stage.join("\n"));
    folder.write("src/main.rs", CODE);
    folder.write("flags.prod.toml", &page.file("flags.prod.toml").replace("off", "live"));
    assert_eq!(folder.run(&["check"]).code, 0);
    let alone = folder.run(&["migrate", "split-name", "back"]);
    assert!(alone.out.contains("already off"), "{alone:?}");
    let there = folder.run(&["migrate", "split-name", "back", "--env", "prod", "--dry-run"]);
    assert!(there.out.contains("from live to shadow"), "{there:?}");
}
