//! Two files, the later one above. Each keeps its own last valid flags, and an invalid one does not stop the other.

use std::fs;

use crate::support::{self, TestDir, document, is_on, wait_until};
use flagkit_core::tooling::SourceState;
use flagkit_core::{FlagKey, Reason};
use flagkit_sources::{Builder, Env, File, Guard, OnFailedStart};

struct Two {
    folder: TestDir,
    guard: Guard,
}

impl Two {
    fn new(low: &str, high: &str) -> Self {
        let folder = TestDir::new();
        fs::write(folder.path("low.toml"), low).expect("written");
        fs::write(folder.path("high.json"), high).expect("written");
        let guard = Builder::new()
            .source(File::new(folder.path("low.toml")))
            .source(File::new(folder.path("high.json")))
            .source(Env::from_vars("FLAG_", [("FLAG_HIGHEST".into(), "on".into())]))
            .start()
            .expect("starts");
        Self { folder, guard }
    }

    fn low(&self, text: &str) {
        fs::write(self.folder.path("low.toml"), text).expect("written");
    }

    fn high(&self, text: &str) {
        fs::write(self.folder.path("high.json"), text).expect("written");
    }

    fn states(&self) -> [SourceState; 2] {
        let sources = self.guard.flags().status().sources;
        [sources[0].state, sources[1].state]
    }

    /// The name of the file that provided the flag.
    fn layer(&self, key: &str) -> Option<String> {
        let layer = self.guard.flags().evaluate(key, &()).layer()?.to_string();
        Some(layer.rsplit('/').next().unwrap_or_default().to_owned())
    }
}

#[test]
fn the_later_one_wins() {
    let two = Two::new("[flags]\na = true\nb = false\nhighest = false\n", "{\"flags\": {\"b\": true, \"c\": true}}");
    for (key, layer) in [("a", "low.toml"), ("b", "high.json"), ("c", "high.json"), ("highest", "env:FLAG_")] {
        assert!(is_on(&two.guard, key), "{key}");
        assert_eq!(two.layer(key).as_deref(), Some(layer), "{key}");
    }
    // Changes of the lower file count only for flags that the higher file does not declare.
    two.low("[flags]\na = false\nb = false\n");
    wait_until("the lower one is followed", || !is_on(&two.guard, "a"));
    assert!(is_on(&two.guard, "b"));
    two.high("{\"flags\": {\"c\": true}}");
    wait_until("the lower one shows through", || !is_on(&two.guard, "b"));
    assert_eq!(two.layer("b").as_deref(), Some("low.toml"));
    assert!(is_on(&two.guard, "c"));
}

#[test]
fn one_that_breaks_does_not_stop_the_other() {
    let two = Two::new("[flags]\na = false\nb = true\n", "{\"flags\": {\"c\": true}}");
    two.high("{\"flags\": {\"c\": tr");
    wait_until("the higher one is invalid", || two.states() == [SourceState::Fresh, SourceState::Stale]);
    assert!(is_on(&two.guard, "c"));
    for on in [true, false, true] {
        two.low(&format!("[flags]\na = {on}\nb = true\n"));
        wait_until("the lower one is followed", || is_on(&two.guard, "a") == on);
        assert!(is_on(&two.guard, "c") && is_on(&two.guard, "b"));
        assert_eq!(two.states(), [SourceState::Fresh, SourceState::Stale]);
    }
    two.low("[flags]\na = tru");
    wait_until("both are invalid", || two.states() == [SourceState::Stale, SourceState::Stale]);
    assert!(is_on(&two.guard, "a") && is_on(&two.guard, "b") && is_on(&two.guard, "c"));
    two.high("{\"flags\": {\"c\": false}}");
    wait_until("the higher one is repaired", || !is_on(&two.guard, "c"));
    assert_eq!(two.states(), [SourceState::Stale, SourceState::Fresh]);
    fs::remove_file(two.folder.path("low.toml")).expect("removed");
    fs::remove_file(two.folder.path("high.json")).expect("removed");
    wait_until("both are missing", || two.states() == [SourceState::Stale, SourceState::Stale]);
    assert!(is_on(&two.guard, "a") && !is_on(&two.guard, "c"));
}

/// An invalid declaration in the higher layer hides the lower one, because its author meant to change the flag.
#[test]
fn a_flag_that_is_invalid_above_is_dark() {
    let two = Two::new("[flags]\na = true\nb = true\n", "{\"flags\": {\"a\": 25}}");
    assert!(!is_on(&two.guard, "a") && is_on(&two.guard, "b"));
    assert_eq!(two.guard.flags().evaluate("a", &()).reason(), Reason::Invalid);
    assert_eq!(two.layer("a").as_deref(), Some("high.json"));
    two.high("{\"flags\": {\"other\": true}}");
    wait_until("the lower one shows through", || is_on(&two.guard, "a"));
    two.high("{\"flags\": {\"a\": false, \"other\": true}}");
    wait_until("the higher file is loaded", || !is_on(&two.guard, "a"));
    two.high("{\"flags\": {\"a\": null, \"other\": false}}");
    wait_until("the others follow", || !is_on(&two.guard, "other"));
    assert_eq!(two.guard.flags().evaluate("a", &()).reason(), Reason::Off, "the last good one of its own layer");
}

/// After many writes to both files, the flags match the final content of both.
#[test]
fn both_change_all_the_time() {
    let two = Two::new("[flags]\nlow = true\nboth = false\n", "{\"flags\": {\"high\": true, \"both\": true}}");
    std::thread::scope(|scope| {
        let (two_low, two_high) = (&two.folder, &two.folder);
        scope.spawn(move || {
            for n in 0..150 {
                let text = format!("[flags]\nlow = {}\nboth = false\n", n % 2 == 0);
                fs::write(two_low.path("new"), text).expect("written");
                fs::rename(two_low.path("new"), two_low.path("low.toml")).expect("moved");
                support::pause(std::time::Duration::from_millis(3));
            }
        });
        scope.spawn(move || {
            for n in 0..150 {
                let text = format!("{{\"flags\": {{\"high\": {}, \"both\": true}}}}", n % 2 == 0);
                fs::write(two_high.path("new2"), text).expect("written");
                fs::rename(two_high.path("new2"), two_high.path("high.json")).expect("moved");
                support::pause(std::time::Duration::from_millis(3));
            }
        });
        // No partially merged set is ever active.
        for _ in 0..2_000 {
            let snapshot = two.guard.flags().snapshot();
            assert!(snapshot.is_on("both", &()));
            let mut keys: Vec<_> = snapshot.keys().map(FlagKey::as_str).collect();
            keys.sort_unstable();
            assert!(keys == ["both", "high", "low"], "{keys:?}");
        }
    });
    wait_until("the last of each is published", || !is_on(&two.guard, "low") && !is_on(&two.guard, "high"));
}

/// A restart without the overlay must not turn on what the overlay had turned off.
#[test]
fn a_missing_overlay_darkens_what_it_might_turn_off() {
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let overlay = folder.path("flags.prod.toml");
    let start = |missing| {
        let files = Builder::new().source(File::new(folder.flags())).source(File::new(&overlay));
        files.when_missing(missing).start().expect("starts")
    };
    let guard = start(OnFailedStart::StayDark);
    assert!(!is_on(&guard, "checkout"));
    fs::write(&overlay, "[flags]\n").expect("written");
    wait_until("the overlay is loaded, and does not declare it", || is_on(&guard, "checkout"));
    drop(guard);

    fs::remove_file(&overlay).expect("removed");
    assert!(is_on(&start(OnFailedStart::Skip), "checkout"), "an optional overlay");
    assert!(start_fails(&folder, &overlay));
}

fn start_fails(folder: &TestDir, overlay: &std::path::Path) -> bool {
    let files = Builder::new().source(File::new(folder.flags())).source(File::new(overlay));
    files.when_missing(OnFailedStart::Fail).start().is_err()
}
