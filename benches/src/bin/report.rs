//! Measures everything.

use benches::rounds::{Effort, measure};
use benches::{instructions, works};

fn main() {
    if instructions::is_counted(works::named) {
        return;
    }
    for mut work in works::all().filter(|work| std::env::args().nth(1).is_none_or(|name| name == work.name)) {
        println!("{}", work.title);
        let counts = instructions::count(&work, &std::env::temp_dir());
        for (index, cost) in measure(&mut work, Effort::FULL).into_iter().enumerate() {
            let count = counts.as_ref().map(|counts| counts[index]);
            println!(
                "  {:60} {:8.2} ns  {:6.2}x  {} alloc  {:?}",
                cost.name, cost.nanos, cost.ratio, cost.allocations, count
            );
        }
    }
}
