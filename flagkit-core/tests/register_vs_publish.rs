//! Sites that are first reached while flags are being published end up right: none is left with an older answer.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use flagkit_core::{Flag, FlagKey, FlagSet, Flags, Percent, Provenance, flag};

const THREADS: usize = 8;
const FLIPS: usize = 10_000;
const SITES: usize = 200;

struct Site {
    key: &'static str,
    read: fn() -> bool,
}

/// Ten sites for each key: whichever form, the subject is 7.
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

/// Ends the hammering when it is dropped, after a failed assertion too.
struct Close<'a>(&'a AtomicUsize);

impl Drop for Close<'_> {
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
    // Sites are opened one by one, so that there is a first hit to race with all along.
    let (open, start) = (AtomicUsize::new(0), Barrier::new(THREADS + 1));
    let agrees = |site: &Site| assert_eq!((site.read)(), flags.is_on(site.key, &7), "{}", site.key);

    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                let mut lit = 0_usize;
                loop {
                    let open = open.load(Ordering::Acquire);
                    // From the newest site downwards: the newest is the one in the race.
                    lit += sites[..open.min(SITES)].iter().rev().take(40).filter(|site| (site.read)()).count();
                    if open > SITES {
                        return assert!(lit > 0, "this thread saw every flag dark all along");
                    }
                }
            });
        }
        let close = Close(&open);
        start.wait();
        for flip in 1..=FLIPS {
            open.store(flip * SITES / FLIPS, Ordering::Release);
            publisher.publish(at(flip));
            sites[..flip * SITES / FLIPS].iter().rev().take(3).for_each(agrees);
        }
        drop(close);
    });

    sites.iter().for_each(agrees);
    publisher.publish(at(FLIPS + 1));
    sites.iter().for_each(agrees);
    assert!(sites.iter().any(|site| (site.read)()) && sites.iter().any(|site| !(site.read)()));
}
