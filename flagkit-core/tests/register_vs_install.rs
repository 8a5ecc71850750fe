//! Call sites that are first reached during the install are on afterwards, like all others.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use flagkit_core::{Flag, FlagKey, FlagSet, Flags, flag};

const THREADS: usize = 8;

macro_rules! ten_sites_each {
    ($($key:literal)+) => {
        vec![$(
            || flag!($key), || flag!($key, 7), || flag!($key, "7"), || flag!($key, id = 7), || flag!($key, ()),
            || flag!($key), || flag!($key, 8), || flag!($key, "8"), || flag!($key, id = 8), || flag!($key, plan = 1),
        )+]
    };
}

fn sites() -> Vec<fn() -> bool> {
    ten_sites_each!("a" "b" "a" "b" "a" "b" "a" "b" "a" "b" "a" "b" "a" "b" "a" "b" "a" "b" "a" "b")
}

#[test]
fn every_site_is_on_in_the_end() {
    let sites = sites();
    let keys = ["a", "b"].map(|key| (FlagKey::new(key).expect("a key"), Flag::on()));
    let flags = Flags::fixed(FlagSet::from_iter(keys));
    let (installed, start) = (AtomicBool::new(false), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (sites, installed, start) = (&sites, &installed, &start);
            scope.spawn(move || {
                start.wait();
                for site in sites.iter().cycle().skip(thread * sites.len() / THREADS) {
                    let is_installed = installed.load(Ordering::Acquire);
                    assert!(site() || !is_installed, "off after the install");
                    if is_installed {
                        break;
                    }
                }
            });
        }
        start.wait();
        let result = flagkit_core::install(flags);
        installed.store(true, Ordering::Release);
        result.expect("this process installs nothing else");
    });
    assert!(sites.iter().all(|site| site()));
}
