//! Handles are clones that share the same flags: a thousand of them start no thread and send no request. The test
//! counts the threads of the whole process, so it runs by itself in a child.

use std::fs;

use crate::support::stub::{Stub, document, eager, start};
use crate::support::{in_own_process, is_on, wait_until};

fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("the threads of this process").count()
}

#[test]
fn a_thousand_clones_of_a_handle() {
    if !in_own_process(module_path!(), "a_thousand_clones_of_a_handle") {
        return;
    }
    let stub = Stub::responding(document("v1", "[flags]\na = true\n"));
    let guard = start(eager(&stub.url()).poll_every(std::time::Duration::from_secs(3600)).stream(false));
    assert!(is_on(&guard, "a"));
    // The stub has a thread for each connection, and the client keeps one open.
    let (before, requests) = (threads(), stub.requests().len());
    let handles: Vec<_> = (0..1_000).map(|_| guard.flags().clone()).collect();
    assert!(handles.iter().all(|flags| flags.is_on("a", &()) && flags.evaluate("a", "u1").is_on()));
    assert!(!handles[0].is_on("undeclared", &()), "and sends no request");
    assert_eq!((threads(), stub.requests().len()), (before, requests));
    drop(guard);
    assert!(handles.iter().all(|flags| flags.is_on("a", &())), "a handle outlives what fills it");
    wait_until("the thread of the source has ended", || threads() < before);
}
