//! Who is told of events, and how: in order, without a lock, whatever they do.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, TryLockError, Weak};

use crate::publish::event::Event;
use crate::publish::sync::{AtomicU64, Mutex, MutexGuard};

type Callback = Arc<dyn Fn(&Event) + Send + Sync>;

/// The subscribers of one [`Flags`](crate::Flags), and the events on their way to them.
///
/// Events are queued under the publisher's lock, hence in order, and delivered after it is released by whichever
/// publishing thread comes first. A publisher that finds another one delivering leaves its event to that one. So no
/// lock is held while a subscriber runs: it may read flags, publish, subscribe, unsubscribe or stop the sources.
#[derive(Default)]
pub(crate) struct Subscribers {
    callbacks: Mutex<Vec<(u64, Callback)>>,
    queue: Mutex<Queue>,
    next_id: AtomicU64,
    panics: AtomicU64,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    /// Somebody is delivering, and will look again before stopping.
    busy: bool,
}

impl Subscribers {
    pub(crate) fn subscribe(self: &Arc<Self>, callback: Callback) -> Subscription {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        lock(&self.callbacks).push((id, callback));
        Subscription { subscribers: Arc::downgrade(self), id }
    }

    pub(crate) fn enqueue(&self, event: Event) {
        lock(&self.queue).events.push_back(event);
    }

    /// Delivers what is queued, unless somebody else is at it.
    pub(crate) fn deliver(&self) {
        if std::mem::replace(&mut lock(&self.queue).busy, true) {
            return;
        }
        while let Some(event) = self.next() {
            self.call(&event);
        }
    }

    /// In a forked child: whether nothing was locked at the fork. Whoever was delivering then is gone, and so is what
    /// was on its way.
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
        // What an event carries is a source's own, and is dropped where no lock is held.
        drop(queue);
        drop(lost);
        true
    }

    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Takes the next event, or ends the delivery in the same breath as finding none.
    fn next(&self) -> Option<Event> {
        let mut queue = lock(&self.queue);
        let event = queue.events.pop_front();
        queue.busy = event.is_some();
        event
    }

    fn call(&self, event: &Event) {
        let ids: Vec<u64> = lock(&self.callbacks).iter().map(|(id, _)| *id).collect();
        for id in ids {
            // Looked up when its turn comes: one called before may have unsubscribed it.
            let callback =
                lock(&self.callbacks).iter().find(|(known, _)| *known == id).map(|(_, callback)| callback.clone());
            if let Some(callback) = callback {
                self.contain(|| callback(event));
                // Perhaps the last share of what the callback owns, whose drop is a user's code as well.
                self.contain(|| drop(callback));
            }
        }
    }

    /// Runs a user's code and counts its panic, if it panics.
    fn contain(&self, run: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
            self.panics.fetch_add(1, Ordering::Relaxed);
            // What was thrown may panic in turn when it is dropped, and what that throws is left alone.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
                std::mem::forget(panic);
            }
        }
    }
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribers").field("len", &lock(&self.callbacks).len()).finish_non_exhaustive()
    }
}

/// Keeps a subscription alive: dropped, the subscriber is told no more.
///
/// A call that is under way on another thread when the subscription is dropped runs to its end.
#[must_use = "dropped at once, the subscriber is never told; keep it, or call `forget`"]
#[derive(Debug)]
pub struct Subscription {
    subscribers: Weak<Subscribers>,
    id: u64,
}

impl Subscription {
    /// Keeps the subscription for as long as the flags live.
    pub fn forget(mut self) {
        self.subscribers = Weak::new();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(subscribers) = self.subscribers.upgrade() {
            let mut callbacks = lock(&subscribers.callbacks);
            let gone = callbacks.iter().position(|(id, _)| *id == self.id).map(|index| callbacks.remove(index));
            // What the callback owns may itself be a subscription: drop it without the lock.
            drop(callbacks);
            drop(gone);
        }
    }
}

/// A subscriber's panic never happens under a lock, so a poisoned one still holds good data.
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

    /// What a subscriber is told, and the subscription. Threads take turns in a model: a lock of std does for what is noted.
    fn noting(subscribers: &Arc<Subscribers>) -> (Arc<std::sync::Mutex<Vec<u64>>>, Subscription) {
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let noted = Arc::clone(&told);
        let subscription = subscribers.subscribe(Arc::new(move |event| {
            noted.lock().unwrap_or_else(PoisonError::into_inner).push(revision(event));
        }));
        (told, subscription)
    }

    #[test]
    fn each_event_is_told_once_and_in_order_whoever_delivers() {
        loom::model(|| {
            let subscribers = Arc::new(Subscribers::default());
            let (told, _subscription) = noting(&subscribers);
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
            assert_eq!(*told.lock().unwrap(), [1, 2]);
        });
    }

    #[test]
    fn nothing_is_told_of_what_happens_after_the_subscription_ended() {
        loom::model(|| {
            let subscribers = Arc::new(Subscribers::default());
            let (told, subscription) = noting(&subscribers);
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
            let told = told.lock().unwrap();
            assert!(told.is_sorted() && told.iter().all(|revision| *revision <= last), "{told:?} of {last}");
        });
    }
}
