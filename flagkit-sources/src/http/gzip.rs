//! Decompression with limits on the work of the client.
//!
//! # The problem
//!
//! The limit on the size of a document does not limit the work of decompressing nothing. A gzip body may consist of any
//! number of members, and a member of any number of blocks, all of them empty. Each costs far more time than its bytes
//! take to arrive: decompressing 8 MiB of empty members takes ten seconds.
//!
//! # The idea
//!
//! Two limits suffice. The number of members is limited, since each resets the decoder. And the compressed bytes must not
//! exceed the contents by more than a constant, which limits the number of empty blocks. Text that does not compress at
//! all stays below it.
//!
//! # How it works
//!
//! ```text
//! network ──▶ Credit ──▶ BufReader ──▶ GzDecoder ──▶ contents
//!               ▲                                       │
//!               └───── one byte of credit for each ─────┘
//! ```
//!
//! When a member ends, the body must end too, or the next member begins. Bytes that are not a member are an error, and
//! so is a member without its end. The client limits the size of the contents, and detects a body that lacks whole
//! members.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

/// How many gzip members a body may have. Servers send one.
const MAX_MEMBERS: u32 = 16;
/// How many compressed bytes may exceed the decompressed bytes. Text that does not compress needs a few per block.
const MAX_OVERHEAD: u64 = 64 << 10;

/// A reader of the decompressed contents of a gzip body.
///
/// The client creates one for a compressed response. The body must end with a member, and every checksum must be right.
pub(super) struct Gunzip<R> {
    /// `None` after the end, and after an error.
    member: Option<GzDecoder<BufReader<Credit<R>>>>,
    /// The number of members that have begun.
    members: u32,
}

/// A reader that returns only as many bytes as it has credit for.
///
/// It begins with the maximum overhead. [`Gunzip`] adds one byte of credit for each decompressed byte.
struct Credit<R> {
    inner: R,
    /// How many more bytes may be read, unless more contents appear.
    left: u64,
}

impl<R: Read> Gunzip<R> {
    /// Creates a reader of a body. It reads the header of the first member at once.
    pub(super) fn new(inner: R) -> Self {
        let body = BufReader::new(Credit { inner, left: MAX_OVERHEAD });
        Self { member: Some(GzDecoder::new(body)), members: 1 }
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        while let Some(mut member) = self.member.take() {
            let read = member.read(buffer)?;
            if read > 0 {
                let credit = &mut member.get_mut().get_mut().left;
                *credit = credit.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
                self.member = Some(member);
                return Ok(read);
            }
            // The member has ended, and its checksum was right. The buffer may hold bytes of the next one.
            let mut body = member.into_inner();
            if body.fill_buf()?.is_empty() {
                break;
            }
            self.members += 1;
            if self.members > MAX_MEMBERS {
                return Err(too_large(format!("more than {MAX_MEMBERS} gzip members")));
            }
            self.member = Some(GzDecoder::new(body));
        }
        Ok(0)
    }
}

impl<R: Read> Read for Credit<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..len).filter(|buffer| !buffer.is_empty()) else {
            return Err(too_large("compressed data that is larger than its contents".to_owned()));
        };
        let read = self.inner.read(buffer)?;
        self.left = self.left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

/// The error for a body that exceeds a limit.
///
/// By its kind, [`Failure::io_failure`](super::failure::Failure::io_failure) distinguishes it from a failed connection.
fn too_large(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, message)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn member(contents: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(contents).expect("memory");
        encoder.finish().expect("memory")
    }

    fn read(body: &[u8]) -> Result<Vec<u8>, String> {
        let mut contents = Vec::new();
        let mut gunzip = Gunzip::new(body);
        gunzip.read_to_end(&mut contents).map_err(|error| error.to_string())?;
        // The end stays the end.
        assert_eq!(gunzip.read(&mut [0]).expect("the end"), 0);
        Ok(contents)
    }

    #[test]
    fn members_are_read_one_after_the_other_up_to_the_limit() {
        let two = [member(b"one "), member(b"two")].concat();
        assert_eq!(read(&two).as_deref(), Ok(&b"one two"[..]));
        assert_eq!(read(&member(b"")).as_deref(), Ok(&b""[..]));
        assert_eq!(read(&member(b"x").repeat(16)).as_deref(), Ok(&b"x".repeat(16)[..]));
        for len in [0, 1, 100_000] {
            assert_eq!(read(&member(&b"x".repeat(len)).repeat(17)), Err("more than 16 gzip members".to_owned()));
        }
    }

    #[test]
    fn contents_that_do_not_compress_are_within_the_limit() {
        let mut state = 1_u64;
        let contents: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        })
        .take(1 << 20)
        .collect();
        for level in [0, 1, 6, 9] {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
            encoder.write_all(&contents).expect("memory");
            assert!(read(&encoder.finish().expect("memory")).as_deref() == Ok(&*contents), "level {level}");
        }
    }

    #[test]
    fn blocks_without_contents_are_cut_off() {
        // Stored blocks of length 0, none of them the last.
        let header = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255];
        let body = header.iter().copied().chain([0, 0, 0, 0xFF, 0xFF].into_iter().cycle());
        let body: Vec<u8> = body.take(1 << 20).collect();
        assert_eq!(read(&body), Err("compressed data that is larger than its contents".to_owned()));
    }

    #[test]
    fn a_cut_or_changed_body_is_an_error() {
        let body = [member(b"one "), member(b"two")].concat();
        let boundary = member(b"one ").len();
        for end in (1..body.len()).filter(|end| *end != boundary) {
            assert!(read(&body[..end]).is_err(), "{end}");
        }
        let mut changed = body.clone();
        *changed.last_mut().expect("not empty") ^= 1;
        assert!(read(&changed).is_err());
        assert!(read(&[body, b"garbage".to_vec()].concat()).is_err());
    }
}
