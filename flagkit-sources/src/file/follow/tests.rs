//! A write in place right after a rename, with an event that arrives late.

use super::*;
use crate::file::shared_watcher::{Listener, SharedWatcher};
use flagkit_core::{Event, Flags};
use std::fs;
use std::io::Write as _;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};

const DEADLINE: Duration = Duration::from_secs(20);

/// Delays all later events after each rename of `flags.toml`, like a busy machine does.
struct SlowAfterRename(Mutex<Sender<()>>);

impl Listener for SlowAfterRename {
    fn on_event(&self, event: Option<&notify::Event>) {
        let rename = notify::EventKind::Modify(notify::event::ModifyKind::Name(notify::event::RenameMode::Both));
        if event.is_some_and(|event| event.kind == rename && event.paths.iter().any(|p| p.ends_with("flags.toml"))) {
            let _ = self.0.lock().expect("no panic").send(());
            thread::sleep(Duration::from_millis(60));
        }
    }
}

fn text(count: usize) -> String {
    (0..6).fold(String::from("[flags]\n"), |text, n| text + &format!("f{n} = {}\n", n < count))
}

#[test]
fn a_write_in_place_after_a_rename_is_not_taken_for_the_renamed_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, new) = (dir.path().join("flags.toml"), dir.path().join("new"));
    fs::write(&path, text(0)).expect("written");
    let flags = Flags::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let _subscription = flags.subscribe({
        let (seen, flags) = (Arc::clone(&seen), flags.clone());
        move |event| {
            if matches!(event, Event::Changed(_)) {
                seen.lock().expect("no panic").push(flags.snapshot().keys().count());
            }
        }
    });
    let mut file = File::new(&path);
    let publisher = flags.add_layer(file.provenance());
    let signal = publisher.signal().clone();
    thread::scope(|scope| {
        scope.spawn(|| {
            publisher.submit(file.load());
            file.run(&publisher);
        });
        let wait_until = |what: &str, condition: &dyn Fn() -> bool| {
            let begin = Instant::now();
            while !condition() {
                if begin.elapsed() > DEADLINE {
                    signal.stop();
                    panic!("not within {DEADLINE:?}: {what}");
                }
                thread::sleep(Duration::from_millis(1));
            }
        };
        wait_until("the file is followed", &|| flags.status().sources[0].unchanged > 0);
        let (sender, renamed) = mpsc::channel();
        let slow: Arc<dyn Listener> = Arc::new(SlowAfterRename(Mutex::new(sender)));
        // It comes after the listener of the file, which has received the rename when the delay begins.
        SharedWatcher::acquire().expect("it runs").add_listener(Arc::downgrade(&slow));
        for round in 0..5 {
            let (renamed_text, whole) = (text(1 + round % 2), text(3 + round % 2));
            fs::write(&new, &renamed_text).expect("written");
            fs::rename(&new, &path).expect("renamed");
            renamed.recv_timeout(DEADLINE).expect("the delay begins");
            let mut writer = fs::File::create(&path).expect("truncated");
            let (first, second) = whole.split_at(whole.len() - "f5 = false\n".len());
            writer.write_all(first.as_bytes()).expect("written");
            thread::sleep(Duration::from_millis(40));
            writer.write_all(second.as_bytes()).expect("written");
            drop(writer);
            let key = format!("f{}", 2 + round % 2);
            wait_until("the whole is published", &|| flags.is_on(&key, &()) && !flags.is_on("f4", &()));
        }
        signal.stop();
    });
    let seen = seen.lock().expect("no panic");
    assert!(seen.iter().all(|keys| *keys == 6), "half a document was published: {seen:?}");
}
