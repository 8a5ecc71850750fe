//! `init` and `new`.

use super::{BROKEN, FLAGS, changed, shop};
use crate::support::{Folder, Transcript};

#[test]
fn init() {
    let folder = Folder::new();
    let mut told = Transcript::new(&folder);
    told.note("A dry run shows, and writes nothing.");
    told.both(&["init", "--dry-run"]);
    assert_eq!(changed(&folder, &[]), Vec::<String>::new());
    told.text(&["init"]);
    told.note("It never overwrites.");
    told.both(&["init"]);
    told.note("What it wrote is in order.");
    told.both(&["check"]);
    told.both(&["list"]);
    told.note("A folder that is not there yet.");
    told.text(&["init", "--file", "new/flags.toml", "--dry-run"]);
    assert!(!folder.path("new").exists());
    assert_eq!(folder.run(&["init", "--file", "new/flags.toml"]).code, 0);
    told.text(&["init", "--force"]);
    told.check("init");
    let folder = Folder::new();
    let mut told = Transcript::new(&folder);
    told.json(&["init"]);
    told.check("init-json");
}

#[test]
fn new() {
    let folder = shop();
    let before = folder.all();
    let mut told = Transcript::new(&folder);
    let full = ["new", "gift-finder", "--owner", "gifts@example.com", "--kind", "release", "--expires", "2999-01-01"];
    told.both(&[&full[..], &["--dry-run"]].concat());
    assert_eq!(changed(&folder, &before), Vec::<String>::new(), "a dry run writes nothing");
    told.text(&[&full[..], &["--description", "Finds \"gifts\""]].concat());
    told.json(&["new", "shop.sale"]);
    let text = folder.read("flags.toml");
    assert!(text.starts_with(FLAGS), "what was there stays as it was: {text}");
    told.shown("tail flags.toml", &text[FLAGS.len()..], "", 0);
    told.text(&["eval", "gift-finder"]);
    told.note("Near-duplicates.");
    for name in ["new-checkout", "new-chekcout", "dark_mode", "search-v3", "beta.ui"] {
        told.both(&["new", name, "--dry-run"]);
    }
    told.note("What is no key, no day, no kind.");
    told.both(&["new", "no key"]);
    told.text(&["new"]);
    told.text(&["new", "x1", "--expires", "tomorrow"]);
    told.text(&["new", "x1", "--kind", "relase"]);
    told.note("Missing and broken files.");
    told.both(&["new", "x1", "--file", "nowhere.toml"]);
    folder.write("broken.toml", BROKEN);
    told.both(&["new", "x1", "--file", "broken.toml"]);
    told.check("new");
}
