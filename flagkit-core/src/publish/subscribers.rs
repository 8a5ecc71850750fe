//! The subscribers: delivery of events in order, and without a lock held.
//!
//! # The problem
//!
//! A subscriber is code of the application. It may take long, panic, publish, subscribe, unsubscribe or stop the
//! sources. None of this may block a publisher, lose an event, change the order, or harm another subscriber.
//!
//! # How it works
//!
//! ```text
//! enqueue (under the lock of the store)  ──▶ queue ──▶ deliver (no lock held) ──▶ one callback after another
//! ```
//!
//! The first thread that delivers takes events until the queue is empty. A thread that finds another one delivering
//! returns at once: its event is in the queue, and that thread delivers it. Each callback is found by its id, so a
//! delivery costs one look-up per subscriber and copies no list.
//!
//! # Limits
//!
//! A slow subscriber delays later events. It does not delay readers or the snapshot, which is swapped before.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, TryLockError, Weak};

use crate::publish::event::Event;
use crate::publish::sync::{AtomicU64, Mutex, MutexGuard};

type Callback = Arc<dyn Fn(&Event) + Send + Sync>;

/// The subscribers of one [`Flags`](crate::Flags), and the events that are queued for them.
///
/// The store owns this, and each [`Subscription`] refers to it. The store queues events under its own lock, hence in
/// order, and delivers them after it has released that lock. One thread delivers at a time: if a publisher finds
/// another one delivering, that one delivers its event as well. No lock is held while a subscriber runs, so it may
/// read flags, publish, subscribe, unsubscribe or stop the sources.
#[derive(Default)]
pub(crate) struct Subscribers {
    callbacks: Mutex<Callbacks>,
    queue: Mutex<Queue>,
    panics: AtomicU64,
}

/// The callbacks by the id of their subscription.
///
/// Ids only rise, so the order of the map is the order of subscription. A delivery finds the next callback by the id of
/// the last one, however many subscribe and unsubscribe meanwhile.
#[derive(Default)]
struct Callbacks {
    by_id: BTreeMap<u64, Callback>,
    next_id: u64,
}

/// The events that are not delivered yet.
#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    /// Whether a thread is delivering. It checks the queue again before it stops.
    is_delivering: bool,
}

impl Subscribers {
    /// Adds a callback. It receives the events of deliveries that begin later.
    pub(crate) fn subscribe(self: &Arc<Self>, callback: Callback) -> Subscription {
        let id = {
            let mut callbacks = lock(&self.callbacks);
            let id = callbacks.next_id;
            callbacks.next_id += 1;
            callbacks.by_id.insert(id, callback);
            id
        };
        Subscription { subscribers: Arc::downgrade(self), id }
    }

    /// Queues an event. The store calls this under its lock, so that events have the order of the changes.
    pub(crate) fn enqueue(&self, event: Event) {
        lock(&self.queue).events.push_back(event);
    }

    /// Delivers the queued events, unless another thread is delivering.
    pub(crate) fn deliver(&self) {
        if std::mem::replace(&mut lock(&self.queue).is_delivering, true) {
            return;
        }
        while let Some(event) = self.next() {
            self.call(&event);
        }
    }

    /// Resets the queue in a forked child. Returns `false` if a lock was held at the fork.
    ///
    /// The thread that was delivering does not exist in the child, so its events are lost.
    pub(crate) fn recover(&self) -> bool {
        if matches!(self.callbacks.try_lock(), Err(TryLockError::WouldBlock)) {
            return false;
        }
        let mut queue = match self.queue.try_lock() {
            Ok(queue) => queue,
            Err(TryLockError::Poisoned(queue)) => queue.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        let lost = std::mem::take(&mut *queue);
        // An event may own an error with a user's `Drop`, so it is dropped without the lock.
        drop(queue);
        drop(lost);
        true
    }

    /// Returns how many calls of callbacks have panicked.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Takes the next event. If there is none, ends the delivery under the same lock, so that no event stays in the
    /// queue.
    fn next(&self) -> Option<Event> {
        let mut queue = lock(&self.queue);
        let event = queue.events.pop_front();
        queue.is_delivering = event.is_some();
        event
    }

    /// Calls every subscriber, in the order of subscription. Those that begin meanwhile receive only later events.
    fn call(&self, event: &Event) {
        let mut ids = 0..lock(&self.callbacks).next_id;
        // Searched for each time, because a subscriber called before may have unsubscribed this one.
        while let Some((id, callback)) = self.first(ids.clone()) {
            ids.start = id + 1;
            self.contain(|| callback(event));
            // This may be the last reference, and then the drop runs user code as well.
            self.contain(|| drop(callback));
        }
    }

    /// Returns the first callback with one of these ids.
    fn first(&self, ids: Range<u64>) -> Option<(u64, Callback)> {
        lock(&self.callbacks).by_id.range(ids).next().map(|(id, callback)| (*id, Arc::clone(callback)))
    }

    /// Runs user code, and counts a panic in it.
    fn contain(&self, run: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            self.panics.fetch_add(1, Ordering::Relaxed);
            // The panic's payload may panic when it is dropped. The payload of that second panic is leaked.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
                std::mem::forget(panic);
            }
        }
    }
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribers").field("len", &lock(&self.callbacks).by_id.len()).finish_non_exhaustive()
    }
}

/// A guard that keeps a subscriber subscribed; see [`Flags::subscribe`](crate::Flags::subscribe).
///
/// Dropping it unsubscribes. A call of the subscriber that is running on another thread at that moment finishes.
#[must_use = "dropping the subscription unsubscribes; keep it, or call `forget`"]
#[derive(Debug)]
pub struct Subscription {
    subscribers: Weak<Subscribers>,
    id: u64,
}

impl Subscription {
    /// Keeps the subscriber subscribed for the life of the flags.
    pub fn forget(mut self) {
        self.subscribers = Weak::new();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(subscribers) = self.subscribers.upgrade() {
            let mut callbacks = lock(&subscribers.callbacks);
            let removed = callbacks.by_id.remove(&self.id);
            // The callback may own another subscription, so it is dropped without the lock.
            drop(callbacks);
            drop(removed);
        }
    }
}

/// A subscriber never panics under a lock, so the data is consistent even if the lock is poisoned.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(flagkit_loom)))]
mod tests {
    use super::*;
    use crate::model::provenance::Provenance;
    use crate::publish::event::Change;

    #[test]
    fn poisoned_locks_are_taken_all_the_same() {
        let subscribers = Arc::new(Subscribers::default());
        std::thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let _held = (subscribers.callbacks.lock(), subscribers.queue.lock());
                panic!("amid a change");
            });
            assert!(holder.join().is_err());
        });
        assert!(subscribers.callbacks.is_poisoned() && subscribers.queue.is_poisoned());
        let calls = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&calls);
        let _subscription = subscribers.subscribe(Arc::new(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        }));
        subscribers.enqueue(Event::Changed(Change { revision: 1, layer: Provenance::new("test:"), keys: [].into() }));
        subscribers.deliver();
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }
}

#[cfg(all(test, flagkit_loom))]
mod model {
    use loom::sync::atomic::AtomicBool;
    use loom::thread;

    use super::*;
    use crate::model::provenance::Provenance;
    use crate::publish::event::Change;

    fn change(revision: u64) -> Event {
        Event::Changed(Change { revision, layer: Provenance::new("model:"), keys: [].into() })
    }

    fn revision(event: &Event) -> u64 {
        match event {
            Event::Changed(change) => change.revision,
            _ => 0,
        }
    }

    /// The revisions that a subscriber receives, and its subscription. loom runs one thread at a time, so a lock of std
    /// suffices for the list.
    fn recording(subscribers: &Arc<Subscribers>) -> (Arc<std::sync::Mutex<Vec<u64>>>, Subscription) {
        let received = Arc::new(std::sync::Mutex::new(Vec::new()));
        let recorded = Arc::clone(&received);
        let subscription = subscribers.subscribe(Arc::new(move |event| {
            recorded.lock().unwrap_or_else(PoisonError::into_inner).push(revision(event));
        }));
        (received, subscription)
    }

    #[test]
    fn each_event_is_delivered_once_and_in_order_by_any_thread() {
        loom::model(|| {
            let subscribers = Arc::new(Subscribers::default());
            let (received, _subscription) = recording(&subscribers);
            let published = Arc::new(Mutex::new(0));
            let publish = |subscribers: &Subscribers, published: &Mutex<u64>| {
                {
                    let mut revision = lock(published);
                    *revision += 1;
                    subscribers.enqueue(change(*revision));
                }
                subscribers.deliver();
            };
            let other = {
                let (subscribers, published) = (Arc::clone(&subscribers), Arc::clone(&published));
                thread::spawn(move || publish(&subscribers, &published))
            };
            publish(&subscribers, &published);
            other.join().expect("no panic");
            assert_eq!(*received.lock().unwrap(), [1, 2]);
        });
    }

    #[test]
    fn no_event_after_the_end_of_the_subscription_is_delivered() {
        loom::model(|| {
            let subscribers = Arc::new(Subscribers::default());
            let (received, subscription) = recording(&subscribers);
            let has_ended = Arc::new(AtomicBool::new(false));
            let publisher = {
                let (subscribers, has_ended) = (Arc::clone(&subscribers), Arc::clone(&has_ended));
                thread::spawn(move || {
                    let last = if has_ended.load(Ordering::Acquire) { 0 } else { 2 };
                    subscribers.enqueue(change(1));
                    subscribers.enqueue(change(2));
                    subscribers.deliver();
                    last
                })
            };
            drop(subscription);
            has_ended.store(true, Ordering::Release);
            let last = publisher.join().expect("no panic");
            let received = received.lock().unwrap();
            assert!(
                received.is_sorted() && received.iter().all(|revision| *revision <= last),
                "{received:?} of {last}"
            );
        });
    }
}
