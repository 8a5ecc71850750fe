//! With the feature `tracing`, each change and each failure is one event, however often it recurs. The subscriber is
//! global, so the test runs by itself in a child.

use std::fmt::{Debug, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::{TestDir, document, in_own_process, poll, status, wait_until};
use flagkit_core::migration;
use flagkit_sources::{Builder, Env, File};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Records the events with our target.
struct Log(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "flagkit"
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().expect("no panic").push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Records all later events of this process with our target.
pub(crate) fn record_events() -> Arc<Mutex<Vec<String>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    tracing::subscriber::set_global_default(Log(Arc::clone(&lines))).expect("the first");
    lines
}

#[test]
fn a_start_emits_why_flags_are_dark_and_which_variables_have_no_effect() {
    if !in_own_process(module_path!(), "a_start_emits_why_flags_are_dark_and_which_variables_have_no_effect") {
        return;
    }
    let lines = record_events();
    let folder = TestDir::new();
    folder.write(document("checkout", true));
    let missing = folder.path("missing.toml");
    let _dark = Builder::new().source(File::new(&missing)).start().expect("starts dark");
    let variables = [("FLAG_CHEKOUT".into(), "off".into()), ("FLAG_CHECKOUT".into(), "0".into())];
    let variables = Env::from_vars("FLAG_", variables);
    let _guard = Builder::new().source(File::new(folder.flags())).source(variables).start().expect("starts");
    let lines = lines.lock().expect("no panic");
    let count = |parts: [&str; 3]| lines.iter().filter(|line| parts.iter().all(|part| line.contains(part))).count();
    let layer = format!("layer=file:{}", missing.display());
    assert_eq!(count(["WARN", "flags stay off until it loads", &layer]), 1, "{lines:#?}");
    assert_eq!(count(["WARN", "FLAG_CHEKOUT overrides no", "did you mean FLAG_CHECKOUT?"]), 1, "{lines:#?}");
    assert_eq!(count(["WARN", "a flag has a problem", "did you mean off?"]), 1, "{lines:#?}");
}

#[test]
fn an_error_that_lasts_is_one_event() {
    if !in_own_process(module_path!(), "an_error_that_lasts_is_one_event") {
        return;
    }
    let lines = record_events();
    let folder = TestDir::new();
    folder.write(document("a", true));
    let guard = poll(&folder.flags(), Duration::from_millis(10));
    folder.write("[flags\n");
    wait_until("the error", || status(&guard).failures >= 1);
    // Many more reads hit the same error.
    let begin = std::time::Instant::now();
    wait_until("more checks", || begin.elapsed() > Duration::from_millis(700));
    folder.write(document("a", false));
    wait_until("the repair", || !guard.flags().is_on("a", &()));
    let is_fresh = |line: &String| line.contains("the source is up to date") && line.contains("stale");
    wait_until("the last event", || lines.lock().expect("no panic").iter().any(is_fresh));
    let lines = lines.lock().expect("no panic").clone();
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert_eq!(count("flags changed"), 2, "{lines:#?}");
    assert_eq!(count("cannot load flags"), 1, "{lines:#?}");
    assert_eq!(count("the source is not up to date"), 1, "{lines:#?}");
    assert_eq!(count("the source is up to date"), 2, "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("INFO") && line.contains("keys=\"a\"")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("WARN") && line.contains("1:1")), "{lines:#?}");
}

#[test]
fn a_lost_second_write_is_an_event() {
    if !in_own_process(module_path!(), "a_lost_second_write_is_an_event") {
        return;
    }
    migration! { static SPLIT: "split", range = Full }
    let lines = record_events();
    let folder = TestDir::new();
    let mut guard = None;
    for (stage, expected) in [("dual-write", "side=\"new\""), ("live", "side=\"old\"")] {
        folder.write(format!("[flags.split]\nkind = \"migration\"\nstage = \"{stage}\"\n"));
        guard.get_or_insert_with(|| Builder::new().source(File::new(folder.flags())).install().expect("a valid file"));
        wait_until("the stage", || SPLIT.plan().is_ok_and(|plan| plan.stage().as_str() == stage));
        let plan = SPLIT.plan().expect("a supported stage");
        let is_first = AtomicBool::new(true);
        let write = || if is_first.swap(false, Ordering::Relaxed) { Ok(()) } else { Err("the second side is away") };
        plan.write(write, write).expect("the authoritative side is written");
        let lines = lines.lock().expect("no panic").clone();
        let parts = ["WARN", "a second write was lost", "key=\"split\"", expected, "cause=\"failed\""];
        let stage = format!("stage=\"{stage}\"");
        let is_loss = |line: &&String| parts.iter().all(|part| line.contains(part)) && line.contains(&stage);
        assert_eq!(lines.iter().filter(is_loss).count(), 1, "{lines:#?}");
    }
    let plan = SPLIT.plan().expect("a supported stage");
    let panicked = catch_unwind(AssertUnwindSafe(|| plan.write(|| panic!("in the second write"), || Ok::<_, ()>(()))));
    assert!(panicked.is_err());
    let lines = lines.lock().expect("no panic").clone();
    assert_eq!(lines.iter().filter(|line| line.contains("cause=\"abandoned\"")).count(), 1, "{lines:#?}");
}
