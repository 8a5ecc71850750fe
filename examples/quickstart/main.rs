//! Merged code goes live through one changed line of a file, while the program runs.

use std::error::Error;
use std::{fs, sync::mpsc, time::Duration};

use flagkit_core::{Event, flag};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("flags.toml");
    fs::write(&file, "[flags]\nnew-checkout = false\n")?;

    let guard = flagkit_sources::watch(&file)?; // the file, and FLAG_* variables over it
    let (sender, changed) = mpsc::channel();
    let _subscription = guard.flags().subscribe(move |event| {
        if let Event::Changed(_) = event {
            let _ = sender.send(());
        }
    });
    assert!(!flag!("new-checkout"), "merged, and dark");

    fs::write(&file, "[flags]\nnew-checkout = true\n")?; // an operator edits one line
    changed.recv_timeout(Duration::from_secs(60))?;
    assert!(flag!("new-checkout"), "live, without a restart");
    println!("dark, then live: {}", guard.flags().evaluate("new-checkout", &()));
    Ok(())
}
