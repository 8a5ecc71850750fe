//! Bytes as a stream of server-sent events that arrives in chunks.
//!
//! Any division into chunks must give the same events and the same end. No event may exceed the size limit.

#![no_main]

use std::io::{self, Read};

use flagkit_sources::fuzzing::events;
use libfuzzer_sys::fuzz_target;

/// A reader that returns chunks of the given sizes.
struct Pieces<'a> {
    bytes: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, u8>>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = usize::from(*self.sizes.next().unwrap_or(&1)) + 1;
        let len = size.min(self.bytes.len()).min(buffer.len());
        let (piece, rest) = self.bytes.split_at(len);
        buffer[..len].copy_from_slice(piece);
        self.bytes = rest;
        Ok(len)
    }
}

fuzz_target!(|bytes: &[u8]| {
    // The first bytes are the chunk sizes and the maximum size of an event.
    let Some((sizes, bytes)) = bytes.split_at_checked(4) else { return };
    let max_event = usize::from(sizes[3]) * 4;
    let whole = events(bytes, max_event);
    assert_eq!(whole, events(Pieces { bytes, sizes: sizes.iter().cycle() }, max_event));
    assert_eq!(whole, events(Pieces { bytes, sizes: [0].iter().cycle() }, max_event));
    // Later bytes must not change earlier events.
    let (before, _) = events(&bytes[..bytes.len() / 2], max_event);
    assert!(whole.0.starts_with(&before), "{before:?} {whole:?}");
    for item in &whole.0 {
        assert!(item.data.len() <= max_event, "an event of {} bytes", item.data.len());
    }
});
