//! Compares flagkit with other feature-flag crates, on the same work, in turn, in one process. Prints tables as JSON;
//! with `--built`, prints only the table of dependencies.
//!
//! Each peer is used as its documentation describes, and measured twice: from an application's user type, including the
//! conversion to a context, and with a prebuilt context. The flags are read among a hundred others.

mod adapters;
mod built;
mod loading;
mod ours;
mod peer;
mod threads;

use benches::case::Work;
use benches::instructions;
use benches::rounds::{Effort, measure};
use benches::table::Table;

use crate::peer::Entry;

const WORKS: [(&str, &str); 4] = [
    ("boolean", "W1, a boolean among a hundred flags"),
    ("percentage", "W2, half of all users"),
    ("targeting", "W3, a country in a list of ten or an e-mail suffix, otherwise a fifth"),
    ("variant", "W4, one of four variants"),
];

fn work(&(name, title): &(&'static str, &'static str), peers: &[Entry]) -> Work {
    let cases = ours::cases(name).into_iter().chain(peers.iter().flat_map(|peer| (peer.cases)(name)));
    Work { name, title, cases: cases.collect() }
}

fn main() {
    let has = |word: &str| std::env::args().any(|argument| argument == word);
    let smoke = has("--smoke");
    if has("--built") {
        let scratch = tempfile::tempdir().expect("a temporary directory");
        return print(&[built::table(scratch.path())]);
    }
    benches::works::install();
    let peers = adapters::all();
    if instructions::is_counted(|name| WORKS.iter().find(|(known, _)| *known == name).map(|it| work(it, &peers))) {
        return;
    }
    peers.iter().for_each(|peer| (peer.check)());
    let scratch = tempfile::tempdir().expect("a temporary directory");
    let effort = if smoke { Effort::SMOKE } else { Effort::FULL };
    let mut tables = Vec::new();
    for it in &WORKS {
        eprintln!("{}", it.1);
        let mut work = work(it, &peers);
        let columns = ["", "ns", "ratio", "instructions", "allocations"];
        let mut table = Table::new(&format!("peers-{}", work.name), work.title, &columns);
        let costs = measure(&mut work, effort);
        let times: Vec<u64> = costs.iter().map(|cost| instructions::times(cost.nanos)).collect();
        let counts = if smoke { None } else { instructions::count(work.name, &times, scratch.path()) };
        for (index, cost) in costs.into_iter().enumerate() {
            let ratio = format!("{:.1}", cost.ratio);
            let count = counts.as_ref().and_then(|counts| counts.get(index)).map(|count| count.round());
            table.push([cost.name.into(), cost.nanos.into(), ratio.into(), count.into(), cost.allocations.into()]);
        }
        tables.push(table);
    }
    eprintln!("W5, on two threads");
    tables.push(threads::table(&peers, if smoke { 1 } else { 15 }));
    eprintln!("W6, loading");
    let (flags, rounds) = if smoke { (10, 1) } else { (10_000, 11) };
    tables.push(loading::table(&peers, flags, rounds));
    if !smoke {
        eprintln!("dependencies and build time");
        tables.push(built::table(scratch.path()));
    }
    print(&tables);
}

fn print(tables: &[Table]) {
    println!("{}", serde_json::to_string(tables).expect("tables have a form in JSON"));
}
