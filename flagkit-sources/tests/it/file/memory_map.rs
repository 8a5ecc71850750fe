//! A program that writes through a memory map causes no write event. The poll detects the change.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::{TestDir, document, follow, is_on, poll, wait_until};

/// Overwrites the first value in the file. It is Python, because mapping memory needs `unsafe` in Rust.
const WRITER: &str = "
import mmap, sys
with open(sys.argv[1], 'r+b') as file, mmap.mmap(file.fileno(), 0) as map:
    at = map.find(sys.argv[2].encode())
    map[at:at + len(sys.argv[3])] = sys.argv[3].encode()
    map.flush()
";

fn write(path: &Path, from: &str, to: &str) -> bool {
    assert_eq!(from.len(), to.len(), "a map does not grow");
    let status = Command::new("python3").args(["-c", WRITER]).arg(path).args([from, to]).status();
    if let Ok(status) = status {
        assert!(status.success(), "the writer fails");
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "python3 is to be there");
    println!("SKIPPED: a_write_through_a_map_is_seen: python3 is not installed");
    false
}

#[test]
fn by_the_poll() {
    for start in [|path: &Path| poll(path, Duration::from_millis(50)), follow] {
        let folder = TestDir::new();
        folder.write(document("a", true));
        let guard = start(&folder.flags());
        assert!(is_on(&guard, "a"));
        for (from, to, on) in [("true ", "false", false), ("false", "true ", true)] {
            // The blank leaves room for the longer word.
            if on {
                assert!(!is_on(&guard, "a"));
            } else {
                folder.write("[flags]\na = true \n");
            }
            if !write(&folder.flags(), from, to) {
                return;
            }
            wait_until("the write is seen", || is_on(&guard, "a") == on);
        }
    }
}
