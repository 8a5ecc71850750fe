//! Workers that write and read the names of users, through all instances in turn.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread::JoinHandle;

use crate::history::History;
use crate::service::Client;
use crate::wait_until;

/// The users that exist before the migration. Writers add some more.
const OLD_USERS: i64 = 100;
const USERS: i64 = 150;

/// Running workers.
pub(crate) struct Load {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

struct Shared {
    history: History,
    instances: RwLock<Vec<String>>,
    next_value: AtomicU64,
    is_stopped: AtomicBool,
    /// The finished requests of each worker.
    finished: [AtomicU64; WORKERS.len()],
}

#[derive(Clone, Copy, PartialEq)]
enum Work {
    Read,
    Write,
}

const WORKERS: [Work; 4] = [Work::Write, Work::Write, Work::Read, Work::Read];

impl Load {
    /// Writes the users that exist before the migration, and starts the workers.
    pub(crate) fn start(instances: Vec<String>) -> Self {
        let shared = Arc::new(Shared {
            history: History::default(),
            instances: RwLock::new(instances),
            next_value: AtomicU64::new(1),
            is_stopped: AtomicBool::new(false),
            finished: Default::default(),
        });
        let mut client = Client::new(&shared.instance(0));
        (0..OLD_USERS).for_each(|id| shared.write(&mut client, id));
        let workers = (0..WORKERS.len()).map(|worker| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.work(worker))
        });
        Self { workers: workers.collect(), shared }
    }

    /// Waits until each worker has finished `requests` more requests.
    ///
    /// After one more request, no request is left that began before this call.
    pub(crate) fn run(&self, requests: u64) {
        let finished = || self.shared.finished.each_ref().map(|count| count.load(Ordering::SeqCst));
        let before = finished();
        wait_until("the workers have worked", || {
            assert!(!self.workers.iter().any(JoinHandle::is_finished), "a worker has failed");
            finished().iter().zip(before).all(|(now, before)| *now >= before + requests)
        });
    }

    /// Directs the workers to other instances, and waits until no request to the previous ones is left.
    pub(crate) fn redirect(&self, instances: Vec<String>) {
        *self.shared.instances.write().expect("no panic") = instances;
        self.run(2);
    }

    /// Stops the workers, reads every user, and checks all of it. Returns the numbers of writes and reads.
    pub(crate) fn finish(self) -> (usize, usize) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        for worker in self.workers {
            worker.join().expect("no worker has failed");
        }
        let mut client = Client::new(&self.shared.instance(0));
        (0..USERS).for_each(|id| self.shared.read(&mut client, id));
        self.shared.history.check()
    }
}

impl Shared {
    fn work(&self, worker: usize) {
        // A generator of pseudo-random numbers, seeded by the worker.
        let mut random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(worker as u64 + 1);
        for turn in worker.. {
            if self.is_stopped.load(Ordering::SeqCst) {
                return;
            }
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let id = i64::try_from(random % USERS.unsigned_abs()).expect("a small number");
            let mut client = Client::new(&self.instance(turn));
            match WORKERS[worker] {
                Work::Write => self.write(&mut client, id),
                Work::Read => self.read(&mut client, id),
            }
            self.finished[worker].fetch_add(1, Ordering::SeqCst);
        }
    }

    fn instance(&self, turn: usize) -> String {
        let instances = self.instances.read().expect("no panic");
        instances[turn % instances.len()].clone()
    }

    fn write(&self, client: &mut Client, id: i64) {
        let value = self.next_value.fetch_add(1, Ordering::SeqCst);
        let start = self.history.now();
        let response = client.request("PUT", &format!("/users/{id}"), &format!("First{value} Last{value}"));
        assert_eq!(response, (204, String::new()));
        self.history.wrote(id, value, start);
    }

    fn read(&self, client: &mut Client, id: i64) {
        let start = self.history.now();
        let (code, name) = client.request("GET", &format!("/users/{id}"), "");
        let value = match code {
            200 => Some(value_of(&name)),
            404 => None,
            _ => panic!("{code}: {name}"),
        };
        self.history.read(id, value, start);
    }
}

/// Returns the value in a name. Both parts must come from one write.
fn value_of(name: &str) -> u64 {
    let (first, last) = name.split_once(' ').expect("two parts");
    let number = first.strip_prefix("First").expect("a first name");
    assert_eq!(last.strip_prefix("Last"), Some(number), "{name}");
    number.parse().expect("a number")
}
