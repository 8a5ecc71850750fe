//! A document of 1 MiB: a head, a repeated part and a tail, separated by a zero byte.
//!
//! libFuzzer prefers short inputs. This target expands them, to find inputs that take much memory or time per byte. A
//! `%` in the part is replaced by the number of the repetition, so that numbers differ.

#![no_main]

use flagkit_sources::document::Format;
use fuzz::{bounded, evaluate_all, publish};
use libfuzzer_sys::fuzz_target;

const LEN: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let format = if first % 2 == 0 { Format::Toml } else { Format::Json };
    let mut parts = rest.splitn(3, |byte| *byte == 0);
    let (Some(head), Some(part)) = (parts.next(), parts.next()) else { return };
    let tail = parts.next().unwrap_or_default();
    if part.is_empty() || rest.len() > LEN {
        return;
    }
    let mut document = head.to_vec();
    for count in 0_usize.. {
        if document.len() + part.len() + 20 + tail.len() > LEN {
            break;
        }
        let mut pieces = part.split(|byte| *byte == b'%');
        document.extend(pieces.next().unwrap_or_default());
        for piece in pieces.take(1) {
            document.extend(count.to_string().bytes().chain(piece.iter().copied()));
        }
    }
    document.extend(tail);
    bounded(|| match format.read(&document) {
        Ok(load) => {
            let flags = publish(load);
            // Skip explanations of a hundred thousand flags: they are many megabytes of text.
            if flags.snapshot().keys().count() <= 100 {
                evaluate_all(&flags);
            }
        }
        Err(error) => drop(error.to_string()),
    });
});
