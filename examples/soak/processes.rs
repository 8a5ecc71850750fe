//! The processes of the soak test, and samples of their resources.

use std::error::Error;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

pub(crate) struct Process {
    name: String,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// The resources of a process at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    files: usize,
    threads: usize,
    kilobytes: u64,
}

impl Process {
    pub(crate) fn start(name: &str, program: &Path, arguments: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(program);
        // No proxy: the server is on this machine.
        command.args(arguments).env("NO_PROXY", "127.0.0.1").stdin(Stdio::piped()).stdout(Stdio::piped());
        // glibc raises its thresholds with the size of freed blocks, and so keeps up to a sixth of the memory measured
        // here, more or less by chance. With fixed thresholds, the samples show the memory in use.
        command.envs([
            ("MALLOC_ARENA_MAX", "1"),
            ("MALLOC_TRIM_THRESHOLD_", "65536"),
            ("MALLOC_MMAP_THRESHOLD_", "65536"),
        ]);
        // Thousands of loads fail, each with a message.
        let mut child = command.stderr(Stdio::null()).spawn()?;
        let input = child.stdin.take().ok_or("no input")?;
        let output = BufReader::new(child.stdout.take().ok_or("no output")?);
        Ok(Self { name: name.to_owned(), child, input, output })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn send(&mut self, line: &str) -> std::io::Result<()> {
        writeln!(self.input, "{line}")
    }

    pub(crate) fn line(&mut self) -> Result<String, Box<dyn Error>> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            Err(format!("{} ended unexpectedly", self.name).into())
        } else {
            Ok(line.trim_end().to_owned())
        }
    }

    pub(crate) fn sample(&self) -> Result<Sample, Box<dyn Error>> {
        let folder = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{folder}/status"))?;
        let value = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        };
        let gone = || format!("{} ended unexpectedly", self.name);
        Ok(Sample {
            files: fs::read_dir(format!("{folder}/fd"))?.count(),
            threads: usize::try_from(value("Threads:").ok_or_else(gone)?)?,
            kilobytes: value("VmRSS:").ok_or_else(gone)?,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Requests a page of the storefront.
pub(crate) fn page(address: &str) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(stream, "GET /?user=visitor-1 HTTP/1.1\r\nHost: soak\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}

/// Prints the samples, and returns whether the resources stayed flat from the second quarter of the time to the last.
///
/// Files and threads must not grow, and memory must not grow by more than a twentieth.
pub(crate) fn report(names: &[String], samples: &[Vec<Sample>]) -> bool {
    let quarter = samples.len() / 4;
    if quarter == 0 {
        println!("too short to detect growth");
        return true;
    }
    let mut is_flat = true;
    println!("{:<12} {:>16} {:>16} {:>24}", "process", "files", "threads", "kB");
    for (index, name) in names.iter().enumerate() {
        let median = |of: fn(&Sample) -> u64, part: &[Vec<Sample>]| {
            let mut all: Vec<u64> = part.iter().filter_map(|sample| sample.get(index)).map(of).collect();
            all.sort_unstable();
            all.get(all.len() / 2).copied().unwrap_or(0)
        };
        let (early, late) = (&samples[quarter..2 * quarter], &samples[samples.len() - quarter..]);
        let pair = |of: fn(&Sample) -> u64| (median(of, early), median(of, late));
        let files = pair(|sample| sample.files as u64);
        let threads = pair(|sample| sample.threads as u64);
        let kilobytes = pair(|sample| sample.kilobytes);
        let shown = |(early, late): (u64, u64)| format!("{early} -> {late}");
        println!("{name:<12} {:>16} {:>16} {:>24}", shown(files), shown(threads), shown(kilobytes));
        let grows = kilobytes.1.saturating_sub(kilobytes.0) * 20 > kilobytes.0;
        is_flat &= files.0 >= files.1 && threads.0 >= threads.1 && !grows;
    }
    is_flat
}
