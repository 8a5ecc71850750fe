//! Call sites that are first reached during a publish end up with the published flags.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use flagkit_core::source::Provenance;
use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Percent, flag};

const THREADS: usize = 8;
const FLIPS: usize = 10_000;
const SITES: usize = 200;

struct Site {
    key: &'static str,
    read: fn() -> bool,
}

/// Ten sites for each key, one per form. The subject is always 7.
macro_rules! ten_sites_each {
    ($($key:literal)+) => {
        vec![$(
            Site { key: $key, read: || flag!($key, 7) },
            Site { key: $key, read: || flag!($key, 7_u8) },
            Site { key: $key, read: || flag!($key, "7") },
            Site { key: $key, read: || flag!($key, &7_i128) },
            Site { key: $key, read: || flag!($key, Some("7")) },
            Site { key: $key, read: || flag!($key, String::from("7")) },
            Site { key: $key, read: || flag!($key, id = 7) },
            Site { key: $key, read: || flag!($key, id = "7", plan = "beta") },
            Site { key: $key, read: || flag!($key, plan = "beta", id = 7) },
            Site { key: $key, read: || flag!($key, id = Some(7_u64)) },
        )+]
    };
}

fn sites() -> Vec<Site> {
    ten_sites_each!(
        "even" "odd" "rollout" "by-id" "rare" "even" "odd" "rollout" "by-id" "rare"
        "even" "odd" "rollout" "by-id" "rare" "even" "odd" "rollout" "by-id" "rare"
    )
}

fn at(flip: usize) -> FlagSet {
    let key = |text| FlagKey::new(text).expect("a key");
    let switch = |on| if on { Flag::on() } else { Flag::off() };
    let percent = |text: &str| text.parse::<Percent>().expect("a percentage");
    let even = flip % 2 == 0;
    let rollout = Flag::on().with_rollout(percent(if even { "99.999999" } else { "0.000001" }));
    let mut set = FlagSet::from_iter([
        (key("even"), switch(even)),
        (key("odd"), switch(!even)),
        (key("rollout"), rollout.clone()),
        (key("by-id"), rollout.with_salt(if even { "one" } else { "other" })),
    ]);
    if flip % 97 == 0 {
        set.insert(key("rare"), Flag::on());
    }
    set
}

/// Stops the reading threads when it is dropped, even after a failed assertion.
struct StopOnDrop<'a>(&'a AtomicUsize);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(SITES + 1, Ordering::Release);
    }
}

#[test]
fn every_site_agrees_with_the_snapshot_after_each_publish() {
    let flags = Flags::new();
    flagkit_core::install(flags.clone()).expect("this process installs nothing else");
    let publisher = flags.add_layer(Provenance::new("flips:"));
    let sites = sites();
    assert_eq!(sites.len(), SITES);
    // Sites are opened one by one, so that a first hit can race with a publish during the whole test.
    let (open, start) = (AtomicUsize::new(0), Barrier::new(THREADS + 1));
    let agrees = |site: &Site| assert_eq!((site.read)(), flags.is_on(site.key, &7), "{}", site.key);

    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                let mut on = 0_usize;
                loop {
                    let open = open.load(Ordering::Acquire);
                    // The newest site comes first, because its first hit is the one that races.
                    on += sites[..open.min(SITES)].iter().rev().take(40).filter(|site| (site.read)()).count();
                    if open > SITES {
                        return assert!(on > 0, "every read of this thread was off");
                    }
                }
            });
        }
        let stop = StopOnDrop(&open);
        start.wait();
        for flip in 1..=FLIPS {
            open.store(flip * SITES / FLIPS, Ordering::Release);
            publisher.publish(at(flip));
            sites[..flip * SITES / FLIPS].iter().rev().take(3).for_each(agrees);
        }
        drop(stop);
    });

    sites.iter().for_each(agrees);
    publisher.publish(at(FLIPS + 1));
    sites.iter().for_each(agrees);
    assert!(sites.iter().any(|site| (site.read)()) && sites.iter().any(|site| !(site.read)()));
}
