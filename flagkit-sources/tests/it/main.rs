//! The behaviour of flagkit-sources through its public API, one module per noun.
//!
//! The modules share one process. A test that measures or changes its process runs itself again as a child, through
//! [`support::in_a_child`]: it counts threads, descriptors, memory or system calls, installs flags, or sets the working
//! directory, the environment or the clock. A test that forks, counts allocations or loads all processors has a binary
//! of its own beside this folder.

mod cache;
mod faults;
mod shadow_pool;
mod support;
#[cfg(all(target_os = "linux", feature = "http"))]
mod syscalls;
#[cfg(feature = "tracing")]
mod tracing;

#[cfg(feature = "approvals")]
mod approvals {
    mod edits;
    mod env_variables;
    mod fido;
    mod forgeries;
    mod golden_vectors;
    mod list;
    mod migrations;
    #[cfg(unix)]
    mod openssh;
    mod people;
    mod random_input;
    mod replays;
}
mod builder {
    mod dark_start;
    mod first_load;
    mod policies;
}
mod document {
    mod approvals;
    mod equivalence;
    mod evaluation;
    mod inherit;
    mod limits;
    mod line_ends;
    mod migrations;
    mod slips;
    mod spec;
}
mod env {
    mod layer;
    mod undeclared;
    mod watch;
}
mod file {
    #[cfg(unix)]
    mod contents;
    mod delete;
    mod half_written;
    #[cfg(target_os = "linux")]
    mod instances;
    #[cfg(unix)]
    mod kinds;
    #[cfg(unix)]
    mod memory_map;
    #[cfg(target_os = "linux")]
    mod notify;
    #[cfg(unix)]
    mod paths;
    #[cfg(unix)]
    mod permissions;
    mod relative_paths;
    mod shrink;
    #[cfg(target_os = "linux")]
    mod slow_writer;
    mod storm;
    #[cfg(unix)]
    mod times;
    #[cfg(target_os = "linux")]
    mod wakeups;
    #[cfg(unix)]
    mod writes;
}
mod guard {
    #[cfg(all(target_os = "linux", feature = "http"))]
    mod handles;
    #[cfg(target_os = "linux")]
    mod leaks;
    mod reload;
    mod subscribers;
}
#[cfg(feature = "http")]
mod http {
    #[cfg(target_os = "linux")]
    mod clock;
    mod content_type;
    mod dark_start;
    mod etag;
    mod floods;
    mod limits {
        mod body;
        mod compression;
        mod headers;
        mod streams;
    }
    #[cfg(unix)]
    mod nginx;
    mod proxy;
    mod redirects;
    mod secrets;
    mod signs_of_life;
    mod start;
    mod status_codes;
    mod stored_document;
    mod stream;
    mod stream_fallback;
    mod timeouts;
    #[cfg(unix)]
    mod tls;
    mod truncation;
}
mod layers {
    mod failures;
    mod files;
}
