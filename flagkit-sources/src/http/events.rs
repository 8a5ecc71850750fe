//! The parser of server-sent events (HTML Living Standard, section 9.2).
//!
//! A stream is a text of lines. A line is a comment, or a field of the next event, and an empty line ends the event. We
//! use three fields: `event` is the format of the document, `id` its entity tag, and `data` one line of it.
//!
//! # Limits
//!
//! Memory and time are limited. A line of more than 1 MiB, or an event larger than the limit for documents, is an error
//! before it is in memory. A line or an event that takes longer than the idle timeout is an error too. An event without
//! its final blank line is incomplete and is dropped. The number of events and comments is not limited here; the thread
//! of the [`Stream`](super::stream::Stream) reads them at a limited rate.

use std::io::{self, BufRead, BufReader, Read};
use std::time::{Duration, Instant};

/// An item of the stream, which one or more lines make up.
///
/// The parser returns items as soon as their last line has arrived. Comments inside an event come before the event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// An event with data, and with its type and id.
    Event { kind: String, id: Option<String>, data: String },
    /// A sign that the server is alive: a comment, an unknown field, or an event without data.
    Heartbeat,
    /// The server has closed the stream.
    End,
}

/// The maximum length of a line, in bytes.
const MAX_LINE: usize = 1 << 20;

/// A reader that blocks until the next item of a stream.
///
/// The poller owns one while a stream is open, and drops it with the connection.
pub(super) struct Events<R> {
    lines: BufReader<R>,
    max_event: usize,
    /// The time limit for a line and for an event. Without it, a server that sends single bytes would seem alive.
    max_time: Duration,
    /// The fields of the next event so far.
    builder: EventBuilder,
    /// Whether the last line ended with CR. An LF that follows belongs to the same line end.
    after_return: bool,
    is_first: bool,
}

/// An event that is not complete yet.
///
/// The parser owns one, adds a field with each line, and empties it at a blank line.
#[derive(Default)]
struct EventBuilder {
    /// The time of its first field.
    since: Option<Instant>,
    kind: String,
    id: Option<String>,
    data: Option<String>,
}

impl<R: Read> Events<R> {
    pub(super) fn new(reader: R, max_event: usize, max_time: Duration) -> Self {
        let (lines, builder) = (BufReader::new(reader), EventBuilder::default());
        Self { lines, max_event, max_time, builder, after_return: false, is_first: true }
    }

    /// Waits for the next item. Each line is an item, except for the fields of an event.
    ///
    /// `retry` and unknown fields count as heartbeats: a server must not change the waits of its clients, and later
    /// servers may send more.
    ///
    /// # Errors
    ///
    /// Returns errors of the connection, `InvalidData` for text that is too long or not UTF-8, and `TimedOut` for a
    /// line or an event that takes too long. The stream cannot be used after an error.
    pub(super) fn next(&mut self) -> io::Result<Item> {
        loop {
            let Some(line) = self.line()? else { return Ok(Item::End) };
            let (field, value) = match line.split_once(':') {
                // A comment, which may also occur inside an event.
                Some(("", _)) => return Ok(Item::Heartbeat),
                Some((field, value)) => (field, value.strip_prefix(' ').unwrap_or(value)),
                None => (&*line, ""),
            };
            let EventBuilder { since, kind, id, data } = &mut self.builder;
            if matches!(field, "event" | "id" | "data")
                && since.get_or_insert_with(Instant::now).elapsed() > self.max_time
            {
                return Err(timed_out("an event"));
            }
            match field {
                "" => {
                    let EventBuilder { kind, id, data, .. } = std::mem::take(&mut self.builder);
                    return Ok(data.map_or(Item::Heartbeat, |data| Item::Event { kind, id, data }));
                }
                "event" => value.clone_into(kind),
                "id" if !value.contains('\0') => *id = Some(value.to_owned()),
                "data" => {
                    if data.as_ref().map_or(0, |data| data.len() + 1) + value.len() > self.max_event {
                        return Err(invalid(format!("an event of more than {} bytes", self.max_event)));
                    }
                    *data = Some(match data.take() {
                        Some(data) => data + "\n" + value,
                        None => value.to_owned(),
                    });
                }
                // This includes `retry`: a server must not shorten the waits of its clients.
                _ => return Ok(Item::Heartbeat),
            }
        }
    }

    /// Returns a line without its end, which is CR, LF or both.
    ///
    /// Returns `None` at the end of the stream, where an incomplete line is dropped. A CR ends a line at once: waiting
    /// for a possible LF would delay the last line of an event until the next one.
    fn line(&mut self) -> io::Result<Option<String>> {
        let (mut line, start) = (Vec::new(), Instant::now());
        loop {
            if start.elapsed() > self.max_time {
                return Err(timed_out("a line"));
            }
            let buffer = match self.lines.fill_buf() {
                Ok([]) => return Ok(None),
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let skip = usize::from(std::mem::take(&mut self.after_return) && buffer.first() == Some(&b'\n'));
            let rest = buffer.get(skip..).unwrap_or_default();
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            if line.len() + part.len() > MAX_LINE {
                return Err(invalid(format!("a line of more than {MAX_LINE} bytes")));
            }
            line.extend_from_slice(part);
            self.after_return = end.is_some_and(|end| rest.get(end) == Some(&b'\r'));
            let used = skip + part.len() + usize::from(end.is_some());
            self.lines.consume(used);
            if end.is_some() {
                break;
            }
        }
        let mut line = String::from_utf8(line).map_err(|_| invalid("a line that is not UTF-8".to_owned()))?;
        if std::mem::take(&mut self.is_first) && line.starts_with('\u{feff}') {
            line.remove(0);
        }
        Ok(Some(line))
    }
}

/// The error for a line or an event that takes too long.
fn timed_out(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} that takes too long"))
}

/// The error for a stream that violates a limit or the encoding.
fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    /// A reader that returns a few bytes at a time.
    struct Chunks<'a>(&'a [u8], usize);

    impl Read for Chunks<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(self.0.len()).min(buffer.len());
            let (chunk, rest) = self.0.split_at(len);
            buffer[..len].copy_from_slice(chunk);
            self.0 = rest;
            Ok(len)
        }
    }

    fn all(text: &[u8], chunk: usize) -> Vec<Item> {
        let mut events = Events::new(Chunks(text, chunk), 1_000, DAY);
        std::iter::repeat_with(|| events.next().expect("well-formed")).take_while(|item| *item != Item::End).collect()
    }

    fn event(kind: &str, id: Option<&str>, data: &str) -> Item {
        Item::Event { kind: kind.to_owned(), id: id.map(str::to_owned), data: data.to_owned() }
    }

    #[test]
    fn events_are_the_same_however_they_arrive() {
        let text = b"\xEF\xBB\xBF: hello\n\nevent: toml\nid: \"a\"\ndata: x\ndata:y\ndata\n\nretry: 0\n\ndata: last\r\n\r\ndata\ndata: x\n\ndata:  two\rdata: three\r\r";
        let expected = [
            Item::Heartbeat,
            Item::Heartbeat,
            event("toml", Some("\"a\""), "x\ny\n"),
            Item::Heartbeat,
            Item::Heartbeat,
            event("", None, "last"),
            event("", None, "\nx"),
            event("", None, " two\nthree"),
        ];
        for chunk in 1..text.len() {
            assert_eq!(all(text, chunk), expected, "in chunks of {chunk}");
        }
    }

    #[test]
    fn an_event_that_was_cut_is_none() {
        let text = "event: toml\ndata: flags\n\n";
        for end in 0..text.len() - 1 {
            assert_eq!(all(&text.as_bytes()[..end], 7), [], "{end}");
        }
        assert_eq!(all(text.as_bytes(), 7), [event("toml", None, "flags")]);
    }

    #[test]
    fn a_comment_amid_an_event_is_a_sign_of_life_and_no_end() {
        let text = b"event: toml\n: here\ndata: x\n: here\n\n";
        for chunk in 1..text.len() {
            assert_eq!(all(text, chunk), [Item::Heartbeat, Item::Heartbeat, event("toml", None, "x")]);
        }
    }

    #[test]
    fn what_takes_too_long_is_an_error() {
        let error = |text: &[u8]| {
            let mut events = Events::new(Chunks(text, 1), 1_000, Duration::ZERO);
            events.next().expect_err("every read takes longer than that").to_string()
        };
        assert_eq!(error(b"data: x\n\n"), "a line that takes too long");
        let mut events = Events::new(Chunks(b"data: x\n: here\ndata: y\n", 64), 1_000, DAY);
        assert_eq!(events.next().expect("a comment"), Item::Heartbeat);
        events.max_time = Duration::from_nanos(1);
        assert!(events.next().expect_err("every read takes longer than that").to_string().contains("takes too long"));
    }

    #[test]
    fn what_is_too_long_or_no_text_is_an_error() {
        let error =
            |text: &[u8]| Events::new(Chunks(text, 4_096), 1_000, DAY).next().expect_err("too long").to_string();
        assert_eq!(error(&vec![b'x'; MAX_LINE + 1]), "a line of more than 1048576 bytes");
        assert_eq!(error("data: 0123456789\n".repeat(200).as_bytes()), "an event of more than 1000 bytes");
        assert_eq!(error(b"data: \xff\n\n"), "a line that is not UTF-8");
        let endless = Events::new(io::repeat(b'd'), 1_000, DAY).next().expect_err("endless").to_string();
        assert_eq!(endless, "a line of more than 1048576 bytes");
    }
}
