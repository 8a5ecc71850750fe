//! Bytes as consecutive responses of a server: the first document, a stream, polls.
//!
//! A line `====` separates the responses, which arrive in chunks. The first byte selects the chunk size and the options.
//! For any responses, each request must end, and only a complete document may change a flag.

#![no_main]

use flagkit_core::Flags;
use flagkit_core::source::{Provenance, Source};
use flagkit_sources::fuzzing::with_responses;
use flagkit_sources::{Http, document::Format};
use fuzz::{bounded, evaluate_all};
use libfuzzer_sys::fuzz_target;

const SEPARATOR: &[u8] = b"\n====\n";
const PIECES: [usize; 4] = [1, 7, 100, 1 << 16];

fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut responses = Vec::new();
    while let Some(end) = bytes.windows(SEPARATOR.len()).position(|window| window == SEPARATOR) {
        responses.push(bytes[..end].to_vec());
        bytes = &bytes[end + SEPARATOR.len()..];
    }
    responses.push(bytes.to_vec());
    responses
}

fuzz_target!(|bytes: &[u8]| {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let piece = PIECES[usize::from(first % 4)];
    let path = if first & 4 == 0 { "flags.toml" } else { "flags.json" };
    let mut http = Http::new(&format!("http://127.0.0.1:1/{path}")).expect("a URL").use_proxy(false);
    http = http.follow_redirects(first & 8 != 0).max_len(if first & 16 == 0 { 1 << 16 } else { 32 });
    if first & 32 != 0 {
        http = http.format(Format::Json);
    }
    let flags = Flags::new();
    let publisher = flags.add_layer(Provenance::new("fuzz:"));
    let mut http = with_responses(http, split(bytes), piece, publisher.signal());
    bounded(|| {
        let load = http.load();
        if let Err(error) = &load {
            let _ = error.to_string();
        }
        publisher.submit(load);
        http.run(&publisher);
        evaluate_all(&flags);
        drop(std::mem::replace(&mut http, Http::new("http://127.0.0.1:1/").expect("a URL")));
    });
});
