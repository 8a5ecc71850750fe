//! A stream of documents, read on a thread of its own.
//!
//! # The problem
//!
//! A blocked read can be interrupted only by closing the connection. If the poller read the stream itself, a server that
//! sends only comments, or nothing, would keep it from polling. And a server that sends faster than flags can be
//! published would leave a growing queue of old documents.
//!
//! # The idea
//!
//! ```text
//! thread: open ──▶ read an item ──▶ throttle      Mailbox: newest document, sign of life, end
//!                        └──────── post ────────▶    │
//! poller: wait ◀──────────────── wake ───────────────┘ take
//! ```
//!
//! The thread only reads and posts; the poller decides what the news means. A newer document replaces an older one that
//! was not taken yet. The thread wakes the poller only when the mailbox was empty, so a flood causes no more wake-ups
//! than the poller handles.
//!
//! # Limits
//!
//! The thread reads items at a limited rate, after a burst that is large enough to skip a queue of old documents. The
//! [`Meter`](super::meter::Meter) of its client limits the bytes. Both only slow the server down.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flagkit_core::source::Signal;
use ureq::BodyReader;

use super::client::{Client, Fetched, StreamResponse};
use super::events::{Events, Item};
use super::failure::Failure;
use super::throttle::Throttle;
use crate::document::Format;

/// How many events and comments may come at once. A server sends a heartbeat every few seconds.
const ITEM_BURST: u32 = 10_000;
/// How many events and comments are read per second after a burst. It costs a few percent of a core.
const ITEM_RATE: u32 = 5_000;

/// A stream in progress.
///
/// The poller opens one after a successful poll, and owns it until the stream ends. A drop closes the connection and
/// joins the thread.
pub(super) struct Stream {
    mailbox: Mailbox,
    thread: Option<JoinHandle<()>>,
    close: Option<Box<dyn FnOnce() + Send>>,
}

/// What the thread has posted since the poller last took it.
///
/// The mailbox owns it, and [`Stream::take`] returns it and leaves an empty one.
#[derive(Default)]
pub(super) struct News {
    /// The newest document.
    pub(super) document: Option<Fetched>,
    /// Whether the server has sent anything: the headers of the response, a comment, or an event.
    pub(super) is_alive: bool,
    /// How the stream ended. Nothing is posted after it.
    pub(super) end: Option<End>,
}

/// The way in which a stream ended.
///
/// The thread posts one as its last news. The poller turns it into a warning or an error, and into the wait before the
/// next stream.
pub(super) enum End {
    /// The server offers no stream.
    NotOffered,
    /// The request for the stream failed.
    NotOpened(Failure),
    /// The server closed the stream.
    Closed,
    /// The connection failed, or the server sent something other than events.
    Failed(Failure),
}

/// The news, shared by the poller and the thread.
///
/// The lock is held only to move values; documents are decoded outside of it.
#[derive(Clone)]
struct Mailbox {
    news: Arc<Mutex<News>>,
    /// Set when the poller drops the stream. Thousands of items may have been received and not read yet.
    is_closed: Arc<AtomicBool>,
    /// Wakes the poller.
    signal: Signal,
}

impl Stream {
    /// Starts a thread that requests a stream and reads it to its end.
    ///
    /// # Errors
    ///
    /// Returns an error when the system cannot start a thread.
    pub(super) fn open(
        client: Client,
        tag: Option<String>,
        max_event: u64,
        idle_timeout: Duration,
        signal: &Signal,
    ) -> io::Result<Self> {
        let mailbox = Mailbox { news: Arc::default(), is_closed: Arc::default(), signal: signal.clone() };
        let close: Box<dyn FnOnce() + Send> = Box::new(client.closer());
        let for_thread = mailbox.clone();
        let thread = thread::Builder::new().name("flagkit-stream".to_owned()).spawn(move || {
            let mut last = LastPost { mailbox: for_thread, end: None };
            let (mailbox, mut client) = (last.mailbox.clone(), client);
            last.end = Some(match client.stream(tag.as_deref()) {
                Ok(StreamResponse::Stream(reader)) => {
                    mailbox.post(|_| {});
                    let max_event = usize::try_from(max_event).unwrap_or(usize::MAX);
                    mailbox.read(Events::new(reader, max_event, idle_timeout))
                }
                Ok(StreamResponse::NotOffered) => End::NotOffered,
                Err(failure) => End::NotOpened(failure),
            });
        })?;
        Ok(Self { mailbox, thread: Some(thread), close: Some(close) })
    }

    /// Returns whether there is news.
    pub(super) fn has_news(&self) -> bool {
        let news = self.mailbox.lock();
        news.is_alive || news.end.is_some()
    }

    /// Takes the news.
    pub(super) fn take(&self) -> News {
        std::mem::take(&mut *self.mailbox.lock())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.mailbox.is_closed.store(true, Ordering::Relaxed);
        if let Some(close) = self.close.take() {
            close();
        }
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been posted as the end of the stream.
            let _ = thread.join();
        }
    }
}

impl Mailbox {
    /// Reads items to the end of the stream, or until it is dropped.
    fn read(&self, mut events: Events<BodyReader<'static>>) -> End {
        let mut throttle = Throttle::new(ITEM_BURST, ITEM_RATE, Instant::now());
        while !self.is_closed.load(Ordering::Relaxed) {
            match events.next() {
                Ok(Item::Event { kind, id, data }) => self.post(|news| {
                    if let Some(format) = Format::from_extension(&kind) {
                        news.document = Some(Fetched { bytes: data.into_bytes(), format, tag: id });
                    }
                }),
                Ok(Item::Heartbeat) => self.post(|_| {}),
                Ok(Item::End) => return End::Closed,
                Err(error) => return End::Failed(Failure::io_failure(&error)),
            }
            let wait = throttle.take(1, Instant::now());
            if !wait.is_zero() {
                thread::sleep(wait);
            }
        }
        End::Closed
    }

    /// Changes the news, and wakes the poller if there was none.
    fn post(&self, change: impl FnOnce(&mut News)) {
        let mut news = self.lock();
        let was_empty = !news.is_alive;
        news.is_alive = true;
        change(&mut news);
        drop(news);
        if was_empty {
            self.signal.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Posts the end of the stream when the thread ends, even by a panic.
struct LastPost {
    mailbox: Mailbox,
    end: Option<End>,
}

impl Drop for LastPost {
    fn drop(&mut self) {
        let end =
            self.end.take().unwrap_or_else(|| End::Failed(Failure::transient("the thread of the stream panicked")));
        self.mailbox.lock().end = Some(end);
        self.mailbox.signal.wake();
    }
}
