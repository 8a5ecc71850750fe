//! W5: evaluations of W1 and W2 per second, on one thread and on two.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use benches::rounds::quantile;
use benches::table::Table;

use crate::ours;
use crate::peer::{Entry, Make, Skill};

/// The duration of one measurement.
const SLICE: Duration = Duration::from_millis(20);
/// The interval in which a thread checks for the end of the measurement.
const BATCH: Duration = Duration::from_micros(20);

pub(crate) fn table(peers: &[Entry], rounds: usize) -> Table {
    let title = "W5, million evaluations per second on one thread and on two, with a prebuilt context";
    let columns = ["", "W1, one", "W1, two", "times", "W2, one", "W2, two", "times"];
    let mut table = Table::new("peers-threads", title, &columns);
    let works = ["boolean", "percentage"];
    let mut rows = vec![("flagkit, `flag!`", works.map(|work| Some(ours::on_threads(work))))];
    rows.extend(peers.iter().map(|peer| {
        let has = |work: &str| work == "boolean" || peer.skill == Skill::Rules;
        (peer.name, works.map(|work| has(work).then(|| (peer.on_threads)(work))))
    }));
    let mut rates = vec![[const { [const { Vec::new() }; 2] }; 2]; rows.len()];
    for _ in 0..rounds {
        for ((_, makes), rates) in rows.iter().zip(&mut rates) {
            for (make, rates) in makes.iter().zip(rates) {
                if let Some(make) = make {
                    rates[0].push(rate(make, 1));
                    rates[1].push(rate(make, 2));
                }
            }
        }
    }
    for ((name, _), rates) in rows.into_iter().zip(rates) {
        let [w1, w2] = rates.map(|[one, two]| {
            let times: Vec<f64> = one.iter().zip(&two).map(|(one, two)| two / one).collect();
            let median = |values: Vec<f64>| (!values.is_empty()).then(|| quantile(values, 0.5));
            [median(one), median(two), median(times)]
        });
        let [one, two, times] = w1;
        let [again_one, again_two, again_times] = w2;
        table.push([
            name.into(),
            one.into(),
            two.into(),
            times.into(),
            again_one.into(),
            again_two.into(),
            again_times.into(),
        ]);
    }
    table
}

/// Returns millions of evaluations per second on this many threads.
fn rate(make: &Make, threads: usize) -> f64 {
    let (stop, start) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(threads + 1)));
    let answering: Vec<_> = (0..threads)
        .map(|_| {
            let (make, stop, start) = (Arc::clone(make), Arc::clone(&stop), Arc::clone(&start));
            thread::spawn(move || {
                let mut case = make();
                let mut batch = 1;
                loop {
                    let begin = Instant::now();
                    case.run(batch);
                    if begin.elapsed() >= BATCH {
                        break;
                    }
                    batch *= 2;
                }
                start.wait();
                let (begin, mut answers) = (Instant::now(), 0);
                while !stop.load(Ordering::Relaxed) {
                    case.run(batch);
                    answers += batch;
                }
                #[allow(clippy::cast_precision_loss)] // far below 2^52
                let rate = answers as f64 / begin.elapsed().as_secs_f64() / 1e6;
                rate
            })
        })
        .collect();
    start.wait();
    thread::sleep(SLICE);
    stop.store(true, Ordering::Relaxed);
    answering.into_iter().map(|thread| thread.join().expect("it answers")).sum()
}
