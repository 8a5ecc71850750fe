//! A compressed response that expands without end is cut off at the limit.

use std::io::Write as _;

use crate::support::flood::{CHUNKED, EVIL, GZIP, HEAD, Scenario, TOO_LARGE, pour};
use crate::support::stub::{self, Stub, eager};
use crate::support::{is_on, last_error};

/// A deflate encoder that uses the fixed codes (RFC 1951, 3.2.6).
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    pending: u8,
    count: u8,
}

impl Bits {
    /// Numbers begin with their lowest bit, codes with their highest.
    fn push(&mut self, bit: u16) {
        self.pending |= u8::from(bit & 1 == 1) << self.count;
        self.count += 1;
        if self.count == 8 {
            self.bytes.push(std::mem::take(&mut self.pending));
            self.count = 0;
        }
    }

    fn code(&mut self, code: u16, len: u8) {
        (0..len).rev().for_each(|at| self.push(code >> at));
    }

    fn literal(&mut self, byte: u8) {
        assert!(byte < 144, "longer codes are not needed");
        self.code(0x30 + u16::from(byte), 8);
    }
}

/// A gzip member that begins with a text, and then repeats its last byte at least `len` times.
fn bomb(text: &str, len: usize) -> Vec<u8> {
    let mut bits = Bits { bytes: vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255], ..Bits::default() };
    // The last block, with fixed codes.
    for bit in [1, 1, 0] {
        bits.push(bit);
    }
    text.bytes().for_each(|byte| bits.literal(byte));
    for _ in 0..16 {
        // 258 bytes equal to the previous one: length code 285, distance code 0.
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
    }
    // Eight times those 13 bits make 13 bytes, at any bit offset.
    let again = bits.bytes[bits.bytes.len() - 13..].repeat(len / (8 * 258) + 1);
    bits.bytes.extend(again);
    // The end of the block.
    bits.code(0, 7);
    (0..7).for_each(|_| bits.push(0));
    bits.bytes.extend([0; 8]);
    bits.bytes
}

#[test]
fn a_bomb_of_half_a_gigabyte_is_cut_off() {
    Scenario::new(module_path!(), "a_bomb_of_half_a_gigabyte_is_cut_off", TOO_LARGE).run(|stream| {
        let bomb = bomb(EVIL, 512 << 20);
        // It is small enough to pass uncompressed.
        assert!(bomb.len() < 8 << 20);
        stream.write_all(format!("{HEAD}{GZIP}content-length: {}\r\n\r\n", bomb.len()).as_bytes())?;
        stream.write_all(&bomb)
    });
}

#[test]
fn a_bomb_in_chunks_is_cut_off() {
    Scenario::new(module_path!(), "a_bomb_in_chunks_is_cut_off", TOO_LARGE).run(|stream| {
        stream.write_all(format!("{HEAD}{GZIP}{CHUNKED}").as_bytes())?;
        for part in bomb(EVIL, 512 << 20).chunks(10_000) {
            stream.write_all(format!("{:x}\r\n", part.len()).as_bytes())?;
            stream.write_all(part)?;
            stream.write_all(b"\r\n")?;
        }
        stream.write_all(b"0\r\n\r\n")
    });
}

#[test]
fn compressed_nothing_without_end_is_cut_off() {
    Scenario::new(module_path!(), "compressed_nothing_without_end_is_cut_off", "more than 16 gzip members").run(
        |stream| {
            stream.write_all(format!("{HEAD}{GZIP}content-length: {}\r\n\r\n", u64::MAX).as_bytes())?;
            // A member with one empty block of fixed codes. It holds nothing, and any number may follow each other.
            let nothing = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            pour(stream, &nothing, u64::MAX)
        },
    );
}

const LARGER: &str = "compressed data that is larger than its contents";

#[test]
fn members_of_a_byte_without_end_are_cut_off() {
    Scenario::new(module_path!(), "members_of_a_byte_without_end_are_cut_off", "more than 16 gzip members").run(
        |stream| {
            stream.write_all(format!("{HEAD}{GZIP}content-length: {}\r\n\r\n", u64::MAX).as_bytes())?;
            // A stored block with the byte `#`, and its checksum (RFC 1952).
            let member =
                [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255, 1, 1, 0, 0xFE, 0xFF, b'#', 0xFF, 0x9E, 0x65, 0x70, 1, 0, 0, 0];
            pour(stream, &member, u64::MAX)
        },
    );
}

#[test]
fn blocks_without_contents_without_end_are_cut_off() {
    Scenario::new(module_path!(), "blocks_without_contents_without_end_are_cut_off", LARGER).run(|stream| {
        stream.write_all(format!("{HEAD}{GZIP}content-length: {}\r\n\r\n", u64::MAX).as_bytes())?;
        stream.write_all(&[0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255])?;
        // Stored blocks of length 0, none of them the last.
        pour(stream, &[0, 0, 0, 0xFF, 0xFF], u64::MAX)
    });
}

#[test]
fn a_name_without_end_in_a_compressed_answer_is_cut_off() {
    Scenario::new(module_path!(), "a_name_without_end_in_a_compressed_answer_is_cut_off", LARGER).run(|stream| {
        stream.write_all(format!("{HEAD}{GZIP}content-length: {}\r\n\r\n", 1 << 30).as_bytes())?;
        // Bit 3: the name of the file follows, up to a zero byte.
        stream.write_all(&[0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 0, 255])?;
        pour(stream, b"x", 1 << 30)
    });
}

/// The checksums of a compressed document are checked even if it fills the limit exactly.
#[test]
fn a_compressed_document_of_the_limit_is_checked_to_its_end() {
    // A text, a line of 258 bytes for each of 16 and 8 more repetitions, and wrong checksums.
    let invalid = bomb(EVIL, 0);
    let len = EVIL.len() + 24 * 258;
    for (limit, expected) in [(len - 1, "more than"), (len, "gzip"), (len + 1, "gzip")] {
        let invalid = invalid.clone();
        let stub = Stub::new(move |_, stream| {
            let head = format!("{HEAD}{GZIP}content-length: {}\r\n\r\n", invalid.len());
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&invalid)).is_ok()
        });
        let guard = stub::start(eager(&stub.url()).stream(false).max_len(limit as u64));
        let error = last_error(&guard).expect("an error");
        assert!(error.contains(expected) && !is_on(&guard, "evil"), "{limit}: {error}");
    }
}
