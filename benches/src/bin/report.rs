//! Measures everything, and writes docs/performance.json, the tables of docs/performance.md and the charts.
//!
//! - `report --smoke` checks that everything runs, and writes to a temporary directory.
//! - `report --only WORK` prints the reads of one work (boolean, percentage, handle, targeting, variant, migration), or
//!   approvals, and writes nothing.
//! - `report --built` updates only the dependencies and build times of the peers.
//! - `report --again NAME` updates only the reads of one work, or one of publish, overrides, storm, latency, load,
//!   start, change, flip, approvals and approvals-read.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use benches::case::Work;
use benches::rounds::{Effort, measure};
use benches::table::{Cell, Table};
use benches::{approvals, chart, flip, instructions, load, publish, start, storm, works};
use serde::{Deserialize, Serialize};

const PUBLISH: &str = "--publish";
const LOAD: &str = "--load";
const APPROVALS: &str = "--approvals";
const BUILT: &str = "--built";

#[derive(Deserialize, Serialize)]
struct Report {
    /// The machine and the versions of the measurement.
    machine: Vec<(String, String)>,
    tables: Vec<Table>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    let after = |word: &str| arguments.iter().skip_while(|argument| *argument != word).nth(1);
    let smoke = has("--smoke");
    let counted = |name: &str| approvals::named(name).or_else(|| works::named(name));
    if start::is_started() || instructions::is_counted(counted) {
        return Ok(());
    }
    if has(PUBLISH) {
        return print_json(&publish::table(if smoke { 2 } else { 301 }));
    }
    if has(APPROVALS) {
        return print_json(&approvals::loading(if smoke { 10 } else { 10_000 }, if smoke { 1 } else { 5 }));
    }
    if let [LOAD, flags, each, ..] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        let each = load::Each::ALL.into_iter().find(|known| known.name() == each).ok_or("no such document")?;
        return print_json(&load::table(flags.parse()?, each, if smoke { 1 } else { 5 }));
    }
    let scratch = tempfile::tempdir()?;
    if after("--only").is_some_and(|name| name == "approvals") {
        let [loading, reads] = [approved(smoke)?, approvals::reads(smoke, scratch.path())];
        print!("{}\n{}", loading.markdown(), reads.markdown());
        return Ok(());
    }
    if let Some(name) = after("--only") {
        let mut work = works::named(name).ok_or_else(|| format!("there is no work called {name}"))?;
        print!("{}", read(&mut work, smoke, scratch.path(), scratch.path())?.markdown());
        return Ok(());
    }
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let target = if smoke { scratch.path() } else { &docs };
    let charts = target.join("performance");
    fs::create_dir_all(&charts)?;
    if let Some(name) = after("--again") {
        return write(target, &docs, &measured_again(name, [&docs, scratch.path(), &charts], smoke)?);
    }
    if has(BUILT) {
        return write(target, &docs, &built_again(&docs, &charts)?);
    }
    write(target, &docs, &complete(smoke, scratch.path(), &charts)?)
}

fn print_json(table: &Table) -> Result<(), Box<dyn Error>> {
    println!("{}", serde_json::to_string(table)?);
    Ok(())
}

/// Reads the report of the previous measurement.
fn previous(docs: &Path) -> Result<Report, Box<dyn Error>> {
    Ok(serde_json::from_str(&fs::read_to_string(docs.join("performance.json"))?)?)
}

/// Returns the previous report with one table measured again.
fn measured_again(name: &str, [docs, scratch, charts]: [&Path; 3], smoke: bool) -> Result<Report, Box<dyn Error>> {
    let table = if let Some(mut work) = works::named(name) {
        read(&mut work, smoke, scratch, charts)?
    } else {
        let mut all = measured(smoke).into_iter();
        let (_, table) = all.find(|(known, _)| *known == name).ok_or_else(|| format!("nothing is called {name}"))?;
        table()?
    };
    let mut report = previous(docs)?;
    match report.tables.iter_mut().find(|known| known.name == table.name) {
        Some(known) => *known = table,
        None => report.tables.push(table),
    }
    Ok(report)
}

/// Returns the previous report with new tables of the dependencies and build times of the peers.
fn built_again(docs: &Path, charts: &Path) -> Result<Report, Box<dyn Error>> {
    let mut report = previous(docs)?;
    for table in peers(charts, &[BUILT])? {
        report.tables.retain(|known| known.name != table.name);
        report.tables.push(table);
    }
    Ok(report)
}

/// Measures everything.
fn complete(smoke: bool, scratch: &Path, charts: &Path) -> Result<Report, Box<dyn Error>> {
    let mut tables = Vec::new();
    for mut work in works::all() {
        eprintln!("{}", work.title);
        tables.push(read(&mut work, smoke, scratch, charts)?);
    }
    for (what, table) in measured(smoke) {
        eprintln!("{what}");
        tables.push(table()?);
    }
    if !smoke {
        eprintln!("peers");
        tables.extend(peers(charts, &[])?);
    }
    Ok(Report { machine: machine(), tables })
}

fn write(target: &Path, docs: &Path, report: &Report) -> Result<(), Box<dyn Error>> {
    fs::write(target.join("performance.json"), serde_json::to_string_pretty(report)? + "\n")?;
    let text = rewritten(&fs::read_to_string(docs.join("performance.md"))?, report)?;
    fs::write(target.join("performance.md"), text)?;
    println!("written to {}", target.display());
    Ok(())
}

type Measure = Box<dyn FnOnce() -> Result<Table, Box<dyn Error>>>;

/// Measures everything except reads.
fn measured(smoke: bool) -> Vec<(&'static str, Measure)> {
    let slice = Duration::from_millis(if smoke { 2 } else { 300 });
    let sizes: &[usize] = if smoke { &[10] } else { &[100, 10_000, 100_000] };
    let overridden: &[(usize, usize)] =
        if smoke { &[(10, 2)] } else { &[(1_000, 0), (1_000, 1_000), (10_000, 0), (10_000, 1_000), (10_000, 10_000)] };
    let pick = move |full, quick| if smoke { quick } else { full };
    vec![
        ("publish", Box::new(move || published(smoke))),
        ("overrides", Box::new(move || Ok(publish::overrides(pick(101, 2), overridden)))),
        ("storm", Box::new(move || Ok(storm::throughput(slice, pick(5, 1))))),
        ("latency", Box::new(move || Ok(storm::latency(pick(100_000, 100), pick(20_000_000, 1_000))))),
        ("load", Box::new(move || loaded(sizes, smoke))),
        ("start", Box::new(move || Ok(start::table(pick(51, 1))))),
        ("change", Box::new(move || Ok(start::change(pick(101, 1))))),
        ("flip", Box::new(move || Ok(flip::table(pick(100, 2))))),
        ("approvals", Box::new(move || approved(smoke))),
        ("approvals-read", Box::new(move || Ok(approvals::reads(smoke, tempfile::tempdir()?.path())))),
    ]
}

fn read(work: &mut Work, smoke: bool, scratch: &Path, charts: &Path) -> Result<Table, Box<dyn Error>> {
    let effort = if smoke { Effort::SMOKE } else { Effort::FULL };
    let costs = measure(work, effort);
    let times: Vec<u64> = costs.iter().map(|cost| instructions::times(cost.nanos)).collect();
    let counts = if smoke { None } else { instructions::count(work.name, &times, scratch) };
    let columns = ["", "ns", "interquartile range", "ratio", "instructions", "allocations"];
    let mut table = Table::new(work.name, work.title, &columns);
    let mut bars = Vec::new();
    for (index, cost) in costs.into_iter().enumerate() {
        let [low, high] = cost.quartiles;
        let count = counts.as_ref().and_then(|counts| counts.get(index)).map(|count| count.round());
        let ratio = format!("{:.2}", cost.ratio);
        bars.push((cost.name.clone(), cost.nanos));
        let range = format!("{low:.2} to {high:.2}");
        table.push([
            cost.name.into(),
            cost.nanos.into(),
            range.into(),
            ratio.into(),
            count.into(),
            cost.allocations.into(),
        ]);
    }
    chart::bars(&charts.join(format!("{}.svg", work.name)), work.title, "ns", &bars)?;
    Ok(table)
}

/// Runs in a separate process, because flags are installed once and call sites stay.
fn published(smoke: bool) -> Result<Table, Box<dyn Error>> {
    apart(&[PUBLISH], smoke)
}

/// Runs in a separate process, because earlier measurements would fragment its memory.
fn approved(smoke: bool) -> Result<Table, Box<dyn Error>> {
    apart(&[APPROVALS], smoke)
}

/// Runs each load in a separate process: earlier loads would fragment its memory.
fn loaded(sizes: &[usize], smoke: bool) -> Result<Table, Box<dyn Error>> {
    let mut all: Option<Table> = None;
    for flags in sizes {
        for each in load::Each::ALL {
            let table = apart(&[LOAD, &flags.to_string(), each.name()], smoke)?;
            match &mut all {
                Some(all) => all.rows.extend(table.rows),
                None => all = Some(table),
            }
        }
    }
    all.ok_or_else(|| "nothing was loaded".into())
}

fn apart(arguments: &[&str], smoke: bool) -> Result<Table, Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).args(smoke.then_some("--smoke"));
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn peers(charts: &Path, arguments: &[&str]) -> Result<Vec<Table>, Box<dyn Error>> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/Cargo.toml");
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--release", "--locked", "--manifest-path"]).arg(manifest).arg("--").args(arguments);
    // Use a separate target directory as well.
    let output = command.env_remove("CARGO_TARGET_DIR").output()?;
    if !output.status.success() {
        eprintln!("SKIPPED: the peers: {}", String::from_utf8_lossy(&output.stderr));
        return Ok(Vec::new());
    }
    let tables: Vec<Table> = serde_json::from_slice(&output.stdout)?;
    for table in &tables {
        let column = table.columns.iter().position(|column| ["ns", "ms", "seconds"].contains(&column.as_str()));
        let Some(column) = column else { continue };
        let bars = table.rows.iter().filter_map(|row| match (row.first(), row.get(column)) {
            (Some(Cell::Text(name)), Some(Cell::Number(time))) => Some((name.clone(), *time)),
            _ => None,
        });
        let path = charts.join(format!("{}.svg", table.name));
        chart::bars(&path, &table.title, &table.columns[column], &bars.collect::<Vec<_>>())?;
    }
    Ok(tables)
}

fn machine() -> Vec<(String, String)> {
    let first = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().ok()?;
        Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
    };
    let processor = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let cores = std::thread::available_parallelism().map_or(0, usize::from).to_string();
    let all = [
        ("processor", processor),
        ("cores", Some(cores)),
        ("system", first("uname", &["-srm"])),
        ("compiler", first("rustc", &["--version"])),
        ("flagkit", Some(env!("CARGO_PKG_VERSION").to_owned())),
        ("date", first("date", &["+%Y-%m-%d"])),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// Returns the document with each table replaced, between `<!-- NAME -->` and `<!-- end -->`.
fn rewritten(text: &str, report: &Report) -> Result<String, Box<dyn Error>> {
    let mut machine = Table::new("machine", "", &["", ""]);
    for (name, value) in &report.machine {
        machine.push([Cell::from(name.as_str()), Cell::from(value.as_str())]);
    }
    let mut text = text.to_owned();
    for table in report.tables.iter().chain([&machine]) {
        let begin = format!("<!-- {} -->\n", table.name);
        let start = text.find(&begin).ok_or_else(|| format!("docs/performance.md has no marker for {}", table.name))?;
        let start = start + begin.len();
        let end = text[start..].find("<!-- end -->").ok_or("a marker without an end")? + start;
        text.replace_range(start..end, &format!("\n{}\n", table.markdown()));
    }
    Ok(text)
}
