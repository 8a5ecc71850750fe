//! A flag file as a source.

mod contents;
mod fingerprint;
mod hops;
#[cfg(target_os = "linux")]
mod mounts;
mod settling;
mod watcher;
mod watches;

use std::fmt;
use std::path::{self, Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use flagkit_core::source::{Load, LoadError, Provenance, Publisher, Source, Wake};

pub(crate) use self::contents::open;
use self::contents::{Contents, Digest};
use self::fingerprint::Fingerprint;
use self::settling::{Evidence, Settling};
use self::watcher::Watcher;
use crate::document::Format;

/// Follows a flag file as it changes.
///
/// # What is noticed
///
/// A write in place, another file moved over it, deletion and re-creation, the way editors save, a retargeted link
/// anywhere on the path, the `..data` swap of a Kubernetes `ConfigMap`, a rewrite that keeps size and modification
/// time. Events of the operating system are hints that make it quick; the content decides, and a poll finds what no
/// event tells of (network and container file systems).
///
/// # When a change counts
///
/// On Linux; elsewhere the system says less, and it takes 150 to 500 ms.
///
/// | the file was | it counts |
/// |---|---|
/// | replaced by a rename | after 10 ms without a change |
/// | written in place and closed | after 50 ms without a change |
/// | changed, and only the poll noticed | after 150 ms without a change |
/// | written in place and is still open | after 500 ms without a change |
///
/// A content that would drop more than half of the flags counts after 2 s, in case it is half a file. Changes count
/// at most every 50 ms; the newest wins. With the poll alone, a file that is replaced more often than every 150 ms
/// counts when that pauses.
///
/// # Known limitations
///
/// - A program that dies half-way through a write in place leaves half a file, and where the half is a valid document,
///   it counts; where another layer lies below, losing a flag may even turn it on. Replace the file by a rename, or say in the document how many flags there are (`[meta]`,
///   `flags = 12`): a shorter one is refused then.
/// - A file that is rewritten in place all the time, without 50 ms of quiet, counts when it pauses.
/// - A container that mounts the single file (`subPath`, a bind mount) keeps the old file when its source is replaced
///   by a rename. Mount the directory; on Linux the status warns of such a mount.
///
/// # Examples
///
/// ```no_run
/// use std::time::Duration;
/// use flagkit_sources::{Builder, File};
///
/// let file = File::new("/etc/shop/flags.toml").poll_every(Duration::from_secs(1));
/// let guard = Builder::new().source(file).start()?;
/// # Ok::<(), flagkit_sources::Error>(())
/// ```
pub struct File {
    /// As spelled, to be shown.
    spelled: PathBuf,
    /// From the root, so that a later change of the working directory does not matter.
    path: PathBuf,
    format: Option<Format>,
    poll: Duration,
    notify: Notify,
    max_len: u64,
    on_document: Option<Arc<Hook>>,
    state: State,
}

type Hook = dyn Fn(&[u8], Format) + Send + Sync;

/// Whether to ask the operating system for events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Notify {
    /// Events and the poll: changes are noticed within milliseconds.
    Native,
    /// The poll alone: for file systems that have no events, and for systems that are short of watches.
    Off,
}

/// A document that was understood, and its text.
type Decoded = Result<(Load, Vec<u8>), LoadError>;

/// What was last seen of the file.
#[derive(Debug, Default)]
struct State {
    /// What was last reported, and whether it was good.
    reported: Option<(Digest, Verdict)>,
    /// The fingerprint of what was reported, unless it is too young to tell a further write.
    fingerprint: Option<Fingerprint>,
    settling: Settling,
    /// The content that was reported as not believed for now.
    held: Option<Digest>,
    last_read: Option<Instant>,
    last_report: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    Refused,
}

const MOUNTED: &str = "is mounted as a single file: when its source is replaced by a rename, that cannot be seen here; mount the directory";
/// Between two full reads of a file whose fingerprint stays the same, and between two tries to get events.
const FULL_READ: Duration = Duration::from_secs(30);
/// Between two looks at a file that is missing or cannot be read.
const RETRY: Duration = Duration::from_millis(500);
/// Between two looks at a file that was put in place by a rename.
const RENAMED: Duration = Duration::from_millis(10);
/// Until the next look at a file that was written while it was read.
const DISTURBED: Duration = Duration::from_millis(5);
/// Between two reports.
const PACE: Duration = Duration::from_millis(50);
/// Between two reports of a fault that lasts.
const REMIND: Duration = Duration::from_secs(300);
/// How long a content has to stay the same that drops more than half of the flags.
const SHRINK: Duration = Duration::from_secs(2);

impl File {
    /// Follows the file at this path, which is made absolute now and resolved anew at every look.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let spelled = path.into();
        Self {
            // As spelled where the system cannot tell.
            path: path::absolute(&spelled).unwrap_or_else(|_| spelled.clone()),
            spelled,
            format: None,
            poll: Duration::from_secs(2),
            notify: Notify::Native,
            max_len: 8 << 20,
            on_document: None,
            state: State::default(),
        }
    }

    /// Sets the format. Default: by the file's extension, see [`Format::from_path`].
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets how often to look for changes that no event tells of. Default: 2 seconds; at least 10 milliseconds.
    ///
    /// A look is a few system calls; the file is read when they tell of a change, and every 30 seconds.
    pub fn poll_every(mut self, interval: Duration) -> Self {
        self.poll = interval.max(Duration::from_millis(10));
        self
    }

    /// Sets whether to ask the operating system for events. Default: [`Notify::Native`].
    pub fn notify(mut self, notify: Notify) -> Self {
        self.notify = notify;
        self
    }

    /// Sets the greatest size that is read, in bytes. Default: 8 MiB.
    pub fn max_len(mut self, bytes: u64) -> Self {
        self.max_len = bytes;
        self
    }

    /// Has `hook` told of each document that counts, right before its flags are published: for passing it on.
    pub fn on_document(mut self, hook: impl Fn(&[u8], Format) + Send + Sync + 'static) -> Self {
        self.on_document = Some(Arc::new(hook));
        self
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("path", &self.path)
            .field("format", &self.format)
            .field("poll", &self.poll)
            .field("notify", &self.notify)
            .field("max_len", &self.max_len)
            .finish_non_exhaustive()
    }
}

impl Source for File {
    fn provenance(&self) -> Provenance {
        Provenance::new(format!("file:{}", self.spelled.display()))
    }

    fn load(&mut self) -> Result<Load, LoadError> {
        // A file that was written just now may not be whole. Look until it stays the same, a second at most.
        let deadline = Instant::now() + Duration::from_secs(1);
        let mut contents = contents::read(&self.path, self.max_len);
        while let Ok(Contents { fingerprint, undisturbed, .. }) = &contents {
            if *undisturbed && !fingerprint.is_recent(SystemTime::now()) {
                break;
            }
            let before = Digest::of(&contents);
            thread::sleep(Duration::from_millis(50));
            contents = contents::read(&self.path, self.max_len);
            if Digest::of(&contents) == before {
                break;
            }
            if Instant::now() > deadline {
                contents = Err(LoadError::new("is being written all the time; no two looks found the same"));
            }
        }
        let now = Instant::now();
        let digest = Digest::of(&contents);
        self.state.saw(&contents, now);
        let decoded = self.decode(contents);
        self.pass_on(digest, decoded, now)
    }

    fn run(&mut self, publisher: &Publisher) {
        let (mut watcher, mut complaint, mut is_mounted, mut warnings): (Option<Watcher>, _, _, _) =
            (None, None, false, None);
        let (mut last_start, mut last_mounts): (Option<Instant>, Option<Instant>) = (None, None);
        loop {
            let is_due = last_start.is_none_or(|last| last.elapsed() >= FULL_READ);
            if self.notify == Notify::Native && is_due {
                last_start = Some(Instant::now());
                match watcher.as_ref().filter(|watcher| !watcher.is_dead()) {
                    Some(watcher) => watcher.renew(),
                    None => match Watcher::start(publisher.signal().clone()) {
                        Ok(started) => watcher = Some(started),
                        Err(reason) => (watcher, complaint) = (None, Some(reason)),
                    },
                }
            }
            // Watch first, then look: what changes in between is seen by one or the other.
            if let Some(watcher) = &mut watcher {
                watcher.follow(&self.path);
                complaint = watcher.complaint().map(str::to_owned);
            }
            let wait = self.look(watcher.as_ref(), publisher);
            if last_mounts.is_none_or(|last: Instant| last.elapsed() >= FULL_READ) {
                (last_mounts, is_mounted) = (Some(Instant::now()), self.is_mounted());
            }
            let known = warnings.replace((complaint.clone(), is_mounted));
            if known != warnings {
                publisher.set_warnings(complaint.clone().into_iter().chain(is_mounted.then(|| MOUNTED.to_owned())));
            }
            match publisher.wait(wait) {
                Wake::Stopped => return,
                Wake::ReloadRequested => self.state.last_read = None,
                _ => {}
            }
        }
    }

    fn restarted(&self) -> Option<Box<dyn Source>> {
        Some(Box::new(self.unseen()))
    }
}

impl File {
    /// The settings, and nothing seen yet.
    fn unseen(&self) -> Self {
        Self {
            spelled: self.spelled.clone(),
            path: self.path.clone(),
            on_document: self.on_document.clone(),
            state: State::default(),
            ..*self
        }
    }

    /// Looks at the file, reports what is new and believed, and returns how long to wait for the next look.
    fn look(&mut self, watcher: Option<&Watcher>, publisher: &Publisher) -> Duration {
        let now = Instant::now();
        if self.state.is_unchanged(&self.path, now) {
            self.state.confirm(publisher);
            return self.poll;
        }
        let note = watcher.map(Watcher::latest);
        let mut contents = contents::read(&self.path, self.max_len);
        // What is noted before the reading and what is noted behind it need not be about the same content.
        let is_noted = note != watcher.map(Watcher::latest);
        if is_noted || contents.as_ref().is_ok_and(|contents| !contents.undisturbed) {
            return DISTURBED;
        }
        let forget = || {
            if let (Some(watcher), Some(note)) = (watcher, note) {
                watcher.forget(note);
            }
        };
        let digest = Digest::of(&contents);
        let rest = if contents.is_ok() { self.poll } else { self.poll.min(RETRY) };
        if self.state.is_reported(digest) {
            self.state.settling.clear();
            self.state.held = None;
            self.state.saw(&contents, now);
            self.state.confirm(publisher);
            forget();
            if self.state.is_to_be_told_again(now) {
                let decoded = self.decode(contents);
                let load = self.pass_on(digest, decoded, now);
                publisher.submit(load);
            }
            return rest;
        }
        // There is no writer to wait for behind an error; still, a file may be missing for a moment.
        let evidence = match note {
            _ if contents.is_err() => Evidence::Closed,
            Some(note) => note.evidence,
            None => Evidence::None,
        };
        let wait = self.state.settling.observe(digest, evidence, now).max(self.state.pace(now));
        if !wait.is_zero() {
            return wait;
        }
        if let (Evidence::Replaced, Some(watcher), Ok(contents)) = (evidence, watcher, &mut contents) {
            // Somebody may write to it right after the rename, and the event of that be on its way. More renames may
            // follow, and do not matter.
            let stays = contents.stays_the_same(RENAMED);
            if !stays || watcher.latest().evidence != Evidence::Replaced {
                return DISTURBED;
            }
        }
        self.state.saw(&contents, now);
        let decoded = self.decode(contents);
        if let (Ok((load, _)), Some(last_good)) = (&decoded, publisher.last_good()) {
            let wait = SHRINK.saturating_sub(self.state.settling.age(now));
            let gone = last_good.keys().filter(|key| !load.flags().contains(key.as_str())).count();
            if gone * 2 > last_good.len() && !wait.is_zero() {
                self.state.hold(digest, gone, last_good.len(), publisher);
                return wait.min(rest);
            }
        }
        forget();
        let load = self.pass_on(digest, decoded, now);
        publisher.submit(load);
        rest
    }

    fn decode(&self, contents: Result<Contents, LoadError>) -> Decoded {
        let bytes = contents?.bytes;
        self.document_format().read(&bytes).map(|load| (load, bytes))
    }

    /// Takes note of what is about to be reported.
    fn pass_on(&mut self, digest: Digest, decoded: Decoded, now: Instant) -> Result<Load, LoadError> {
        let format = self.document_format();
        let load = decoded.map(|(load, bytes)| {
            if let Some(hook) = &self.on_document {
                hook(&bytes, format);
            }
            load
        });
        self.state.reported(digest, &load, now);
        load
    }

    fn document_format(&self) -> Format {
        self.format.unwrap_or_else(|| Format::from_path(&self.path))
    }

    /// Whether the file is mounted by itself, as far as the system says.
    fn is_mounted(&self) -> bool {
        #[cfg(target_os = "linux")]
        return mounts::is_mount_point(&self.path);
        #[cfg(not(target_os = "linux"))]
        false
    }
}

impl State {
    /// Tells, without reading it, whether the file is as it was reported.
    fn is_unchanged(&self, path: &Path, now: Instant) -> bool {
        let is_due = self.last_read.is_none_or(|read| now.saturating_duration_since(read) >= FULL_READ);
        let known = self.fingerprint.as_ref();
        !is_due && !self.settling.is_pending() && known.is_some() && known == contents::fingerprint(path).as_ref()
    }

    fn is_reported(&self, digest: Digest) -> bool {
        self.reported.is_some_and(|(reported, _)| reported == digest)
    }

    /// Whether a fault has lasted so long that it is to be reported again.
    fn is_to_be_told_again(&self, now: Instant) -> bool {
        let lasts = |last: Instant| now.saturating_duration_since(last) >= REMIND;
        matches!(self.reported, Some((_, Verdict::Refused))) && self.last_report.is_some_and(lasts)
    }

    /// How long until the next report is due.
    fn pace(&self, now: Instant) -> Duration {
        self.last_report.map_or(Duration::ZERO, |last| PACE.saturating_sub(now.saturating_duration_since(last)))
    }

    fn confirm(&self, publisher: &Publisher) {
        if let Some((_, Verdict::Good)) = self.reported {
            publisher.unchanged();
        }
    }

    /// Notes what was read. The fingerprint is of use only if a further write would change it.
    fn saw(&mut self, contents: &Result<Contents, LoadError>, now: Instant) {
        self.last_read = Some(now);
        self.fingerprint = match contents {
            Ok(contents) if !contents.fingerprint.is_recent(SystemTime::now()) => Some(contents.fingerprint.clone()),
            _ => None,
        };
    }

    /// Reports, once for a content, that it is not believed for now.
    fn hold(&mut self, digest: Digest, gone: usize, of: usize, publisher: &Publisher) {
        if self.held != Some(digest) {
            self.held = Some(digest);
            let message =
                format!("would drop {gone} of {of} flags; it counts when it has stayed the same for {SHRINK:?}");
            publisher.fail(LoadError::new(message));
        }
    }

    fn reported(&mut self, digest: Digest, load: &Result<Load, LoadError>, now: Instant) {
        let verdict = if load.is_ok() { Verdict::Good } else { Verdict::Refused };
        self.reported = Some((digest, verdict));
        self.last_report = Some(now);
        self.held = None;
        self.settling.clear();
    }
}
