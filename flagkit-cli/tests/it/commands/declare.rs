//! `init` and `new`.

use super::{FLAGS, INVALID, changed, shop};
use crate::support::{Folder, Transcript};

#[test]
fn init() {
    let folder = Folder::new();
    let mut transcript = Transcript::new(&folder);
    transcript.note("A dry run shows the change, and writes nothing.");
    transcript.both(&["init", "--dry-run"]);
    assert_eq!(changed(&folder, &[]), Vec::<String>::new());
    transcript.text(&["init"]);
    transcript.note("It never overwrites.");
    transcript.both(&["init"]);
    transcript.note("The new file passes the check.");
    transcript.both(&["check"]);
    transcript.both(&["list"]);
    transcript.note("A folder that does not exist yet.");
    transcript.text(&["init", "--file", "new/flags.toml", "--dry-run"]);
    assert!(!folder.path("new").exists());
    assert_eq!(folder.run(&["init", "--file", "new/flags.toml"]).code, 0);
    transcript.text(&["init", "--force"]);
    transcript.check("init");
    let folder = Folder::new();
    let mut transcript = Transcript::new(&folder);
    transcript.json(&["init"]);
    transcript.check("init-json");
}

#[test]
fn new() {
    let folder = shop();
    let before = folder.all();
    let mut transcript = Transcript::new(&folder);
    let full = ["new", "gift-finder", "--owner", "gifts@example.com", "--kind", "release", "--expires", "2999-01-01"];
    transcript.both(&[&full[..], &["--dry-run"]].concat());
    assert_eq!(changed(&folder, &before), Vec::<String>::new(), "a dry run writes nothing");
    transcript.text(&[&full[..], &["--description", "Finds \"gifts\""]].concat());
    transcript.json(&["new", "shop.sale"]);
    let text = folder.read("flags.toml");
    assert!(text.starts_with(FLAGS), "what was there stays as it was: {text}");
    transcript.shown("tail flags.toml", &text[FLAGS.len()..], "", 0);
    transcript.text(&["eval", "gift-finder"]);
    transcript.note("Similar names.");
    for name in ["new-checkout", "new-chekcout", "dark_mode", "search-v3", "beta.ui"] {
        transcript.both(&["new", name, "--dry-run"]);
    }
    transcript.note("Invalid keys, days and kinds.");
    transcript.both(&["new", "no key"]);
    transcript.text(&["new"]);
    transcript.text(&["new", "x1", "--expires", "tomorrow"]);
    transcript.text(&["new", "x1", "--kind", "relase"]);
    transcript.note("Missing and invalid files.");
    transcript.both(&["new", "x1", "--file", "nowhere.toml"]);
    folder.write("invalid.toml", INVALID);
    transcript.both(&["new", "x1", "--file", "invalid.toml"]);
    transcript.check("new");
}
