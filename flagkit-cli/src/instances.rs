//! The running instances of an application: the stage, the range and the counters of a migration in each of them.
//!
//! An instance is a process that serves its status as JSON. The gate lists URLs, and each address of a host is an
//! instance. A process that answers at two addresses counts once.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use flagkit_core::source::Stage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ureq::http::Uri;

use crate::probe;
use crate::progress::Progress;
use crate::terminal::escape_control_chars;

/// The time for one instance to respond.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);
/// The number of instances that are requested at the same time.
const CONCURRENT: usize = 64;

/// The response of one address.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Instance {
    /// The URL, with the address if the host has several.
    pub(crate) url: String,
    #[serde(flatten)]
    pub(crate) state: InstanceState,
}

/// The state of an instance, or the reason why it is unknown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum InstanceState {
    #[serde(rename = "status")]
    Known(Box<InstanceStatus>),
    #[serde(rename = "error")]
    Unknown(String),
}

/// The part of an instance's status that is about one migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct InstanceStatus {
    /// The random id of the process, or else its address.
    pub(crate) instance: String,
    pub(crate) release: Option<String>,
    /// When the process started, if it reports that.
    pub(crate) started: Option<Timestamp>,
    pub(crate) migration: MigrationStatus,
}

/// A migration in a running instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct MigrationStatus {
    key: String,
    /// `None`: the instance has no stage.
    stage: Option<String>,
    #[serde(default)]
    rollout: Option<String>,
    pub(crate) range: String,
    /// Required: a status without them is no evidence.
    pub(crate) counters: Counters,
}

/// What an instance counted since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Counters {
    pub(crate) compared: u64,
    pub(crate) mismatched: u64,
    #[serde(default)]
    pub(crate) comparisons_failed: u64,
    pub(crate) unrepaired: u64,
}

impl Counters {
    /// Returns the sums of two counters.
    fn plus(self, other: Self) -> Self {
        Self {
            compared: self.compared.saturating_add(other.compared),
            mismatched: self.mismatched.saturating_add(other.mismatched),
            comparisons_failed: self.comparisons_failed.saturating_add(other.comparisons_failed),
            unrepaired: self.unrepaired.saturating_add(other.unrepaired),
        }
    }
}

/// Returns the number of lost second writes of all instances.
pub(crate) fn unrepaired<'i>(statuses: impl IntoIterator<Item = &'i InstanceStatus>) -> u64 {
    statuses.into_iter().map(|status| status.migration.counters.unrepaired).fold(0, u64::saturating_add)
}

/// The status that an instance serves. Other members are ignored.
#[derive(Debug, Deserialize)]
struct ServedStatus {
    #[serde(default)]
    instance: Option<String>,
    #[serde(default)]
    release: Option<String>,
    #[serde(default)]
    started: Option<Timestamp>,
    migrations: Vec<MigrationStatus>,
}

impl MigrationStatus {
    /// Returns the progress of the instance. `None` if it has no stage, or one that this version does not have.
    pub(crate) fn progress(&self) -> Option<Progress> {
        let stage = self.stage.as_ref()?.parse().ok()?;
        let Some(share) = &self.rollout else { return Some(Progress::at(stage)) };
        share.parse().ok().map(|share| Progress::partly(stage, share))
    }

    /// Returns whether the build of the instance has code for a stage.
    pub(crate) fn supports(&self, stage: Stage) -> bool {
        match self.range.as_str() {
            "full" => stage <= Stage::Complete,
            "contracted" => stage >= Stage::Complete,
            _ => false,
        }
    }

    /// Describes the progress of the instance, also one that this version does not have.
    pub(crate) fn shown_progress(&self) -> String {
        let written = || self.stage.clone().unwrap_or_else(|| "no stage".to_owned());
        self.progress().map_or_else(written, |progress| progress.to_string())
    }
}

impl InstanceStatus {
    /// Returns whether two addresses answer for one process. Its counters may have changed between the two requests.
    fn is_same_process(&self, other: &Self) -> bool {
        let of = |status: &Self| {
            let MigrationStatus { stage, rollout, range, .. } = &status.migration;
            let migration = (stage.clone(), rollout.clone(), range.clone());
            (status.instance.clone(), status.started, status.release.clone(), migration)
        };
        of(self) == of(other)
    }
}

impl Instance {
    /// Returns the status, if the instance responded with one.
    pub(crate) fn status(&self) -> Option<&InstanceStatus> {
        match &self.state {
            InstanceState::Known(status) => Some(status),
            InstanceState::Unknown(_) => None,
        }
    }
}

/// Resolves a host and a port to all of its addresses.
type Resolve<'r> = &'r (dyn Fn(&str, u16, Duration) -> io::Result<Vec<SocketAddr>> + Sync);

/// Requests the status of a migration from all instances. `${NAME}` in a URL is an environment variable. A process that answers at several addresses is in the result
/// once.
pub(crate) fn request(urls: &[String], key: &str, timeout: Duration) -> Vec<Instance> {
    let (mut expanded, mut unknown) = (Vec::new(), Vec::new());
    for url in urls {
        match probe::expanded(url) {
            Ok(url) => expanded.push(url),
            Err(error) => unknown.push(Instance { url: url.clone(), state: InstanceState::Unknown(error) }),
        }
    }
    let mut instances = request_with(&expanded, key, timeout, &resolve);
    instances.append(&mut unknown);
    instances
}

fn request_with(urls: &[String], key: &str, timeout: Duration, resolve: Resolve<'_>) -> Vec<Instance> {
    let resolved = in_parallel(urls, |url| targets(url, timeout, resolve));
    let all: Vec<&Target<'_>> = resolved.iter().flatten().flatten().collect();
    let mut results = in_parallel(&all, |target| request_one(target, key, timeout)).into_iter();
    let mut instances = Vec::new();
    for (url, targets) in urls.iter().zip(&resolved) {
        match targets {
            Ok(targets) => instances.extend(of_url(targets, results.by_ref().take(targets.len()).collect())),
            Err(error) => instances.push(Instance { url: url.clone(), state: InstanceState::Unknown(error.clone()) }),
        }
    }
    // Two processes with one id stay two if they report different things.
    let mut known: Vec<InstanceStatus> = Vec::new();
    instances.retain(|instance| {
        let Some(status) = instance.status() else { return true };
        let is_new = known.iter().all(|known| !known.is_same_process(status));
        known.push(status.clone());
        is_new
    });
    instances
}

/// Runs work for each item on threads, and returns the results in the order of the items.
fn in_parallel<'i, T: Sync, R: Send>(
    items: &'i [T],
    work: impl Fn(&'i T) -> Result<R, String> + Sync,
) -> Vec<Result<R, String>> {
    let mut results = Vec::new();
    for part in items.chunks(CONCURRENT) {
        thread::scope(|scope| {
            let threads: Vec<_> = part.iter().map(|item| scope.spawn(|| work(item))).collect();
            let failed = || Err("the request ended without a result".to_owned());
            results.extend(threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| failed())));
        });
    }
    results
}

/// One address of a URL.
struct Target<'u> {
    url: &'u str,
    address: SocketAddr,
    /// Whether the host of the URL has other addresses too.
    is_one_of_several: bool,
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, address, is_one_of_several } = self;
        if *is_one_of_several { write!(f, "{url} at {address}") } else { f.write_str(url) }
    }
}

/// Returns the addresses of a URL's host.
fn targets<'u>(url: &'u str, timeout: Duration, resolve: Resolve<'_>) -> Result<Vec<Target<'u>>, String> {
    let uri: Uri = url.parse().map_err(|error| format!("got {url:?}, expected a URL: {error}"))?;
    let port = uri.port_u16().or(match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    });
    let (Some(host), Some(port)) = (uri.host(), port) else {
        return Err(format!("got {url:?}, expected a URL such as http://10.0.0.1:8080/status"));
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let resolved = resolve(host, port, timeout).map_err(|error| format!("cannot resolve {host}: {error}"))?;
    let addresses: BTreeSet<SocketAddr> = resolved.into_iter().collect();
    if addresses.is_empty() {
        return Err(format!("cannot resolve {host}: it has no address"));
    }
    let is_one_of_several = addresses.len() > 1;
    Ok(addresses.into_iter().map(|address| Target { url, address, is_one_of_several }).collect())
}

/// Resolves a host by the system, within the time limit.
fn resolve(host: &str, port: u16, timeout: Duration) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::channel();
    let host = host.to_owned();
    thread::spawn(move || {
        let resolved = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        let _ = sender.send(resolved);
    });
    receiver.recv_timeout(timeout).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Returns the instances at the addresses of one URL.
fn of_url(targets: &[Target<'_>], results: Vec<Result<InstanceStatus, String>>) -> Vec<Instance> {
    // `localhost` has two addresses, and most programs listen at one of them.
    let has_response = results.iter().any(Result::is_ok);
    let is_absent = |target: &Target<'_>, result: &Result<InstanceStatus, String>| {
        has_response && target.address.ip().is_loopback() && matches!(result, Err(error) if error == probe::REFUSED)
    };
    let all = targets.iter().zip(results).filter(|(target, result)| !is_absent(target, result));
    all.map(|(target, result)| Instance {
        url: target.to_string(),
        state: result.map_or_else(InstanceState::Unknown, |status| InstanceState::Known(Box::new(status))),
    })
    .collect()
}

fn request_one(target: &Target<'_>, key: &str, timeout: Duration) -> Result<InstanceStatus, String> {
    let body = probe::fetch_at(target.url, target.address, timeout)?;
    let status: ServedStatus = serde_json::from_str(&body).map_err(|error| format!("got no status: {error}"))?;
    let ServedStatus { instance, release, started, migrations } = status;
    let release = release.map(|release| escape_control_chars(&release));
    if let Some(mut migration) = merged(migrations, key)? {
        migration.range = escape_control_chars(&migration.range);
        migration.stage = migration.stage.map(|stage| escape_control_chars(&stage));
        let instance = instance.filter(|id| !id.is_empty()).unwrap_or_else(|| target.to_string());
        return Ok(InstanceStatus { instance, release, started, migration });
    }
    let release = release.map(|release| format!("; its release is {release}")).unwrap_or_default();
    Err(format!("it lists no migration {key:?}{release}"))
}

/// Returns the state of one migration, which several parts of a program may declare. Their counters are added.
fn merged(migrations: Vec<MigrationStatus>, key: &str) -> Result<Option<MigrationStatus>, String> {
    let mut all = migrations.into_iter().filter(|migration| migration.key == key);
    let Some(mut merged) = all.next() else { return Ok(None) };
    for other in all {
        if (&other.stage, &other.rollout, &other.range) != (&merged.stage, &merged.rollout, &merged.range) {
            return Err(format!("it lists the migration {key:?} twice, with different stages or ranges"));
        }
        merged.counters = merged.counters.plus(other.counters);
    }
    Ok(Some(merged))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// Serves a body at a free port of an address, until the test ends. Returns the port.
    fn serve(listener: TcpListener, body: &'static str) -> u16 {
        let port = listener.local_addr().expect("an address").port();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let request = BufReader::new(stream.try_clone().expect("a clone"));
                let head: Vec<String> =
                    request.lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                assert!(head.iter().any(|line| line.to_lowercase().starts_with("host: app.internal")), "{head:?}");
                let len = body.len();
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}");
            }
        });
        port
    }

    fn listen(ip: &str) -> TcpListener {
        TcpListener::bind((ip, 0)).expect("a port")
    }

    const ONE: &str = r#"{"instance": "1", "release": "r1", "new": [1],
        "migrations": [{"key": "m", "stage": "live", "rollout": "25%", "range": "full",
            "counters": {"compared": 3, "mismatched": 0, "unrepaired": 0}}]}"#;
    const TWO: &str = r#"{"instance": "2", "migrations": [{"key": "m", "stage": "later\u001b[1m", "range": "full",
        "counters": {"compared": 0, "mismatched": 0, "unrepaired": 0}}]}"#;

    fn request_at(ports: &'static [(u16, &'static str)]) -> Vec<Instance> {
        let resolve = |host: &str, _: u16, _: Duration| {
            assert_eq!(host, "app.internal");
            Ok(ports.iter().map(|(port, ip)| SocketAddr::new(ip.parse().expect("an ip"), *port)).collect())
        };
        request_with(&["http://app.internal:8080/status".to_owned()], "m", TIMEOUT, &resolve)
    }

    #[test]
    fn each_address_of_a_host_is_an_instance() {
        let ports = Box::leak(Box::new([
            (serve(listen("127.0.0.1"), ONE), "127.0.0.1"),
            (serve(listen("127.0.0.1"), TWO), "127.0.0.1"),
        ]));
        let mut instances = request_at(ports);
        instances.sort_by_key(|instance| instance.status().expect("a status").instance.clone());
        let [one, two] = instances.as_slice() else { panic!("{instances:?}") };
        assert!(one.url.starts_with("http://app.internal:8080/status at 127.0.0.1:"), "{}", one.url);
        let one = one.status().expect("a status");
        assert_eq!((one.release.as_deref(), one.migration.counters.compared), (Some("r1"), 3));
        assert_eq!(one.migration.progress(), "live@25%".parse().ok());
        let two = &two.status().expect("a status").migration;
        assert_eq!((two.progress(), two.shown_progress().as_str()), (None, "later\\u{1b}[1m"), "no control characters");
    }

    #[test]
    fn a_process_with_two_addresses_counts_once() {
        let ports = Box::leak(Box::new([
            (serve(listen("127.0.0.1"), ONE), "127.0.0.1"),
            (serve(listen("127.0.0.1"), ONE), "127.0.0.1"),
        ]));
        assert_eq!(request_at(ports).len(), 1);
    }

    #[test]
    fn two_declarations_of_one_migration_are_added() {
        let status = |unrepaired: u64, range: &str| {
            let json = format!(
                r#"{{"key": "m", "stage": "live", "range": "{range}",
                    "counters": {{"compared": 2, "mismatched": 1, "unrepaired": {unrepaired}}}}}"#
            );
            serde_json::from_str::<MigrationStatus>(&json).expect("a status")
        };
        let both = merged(vec![status(0, "full"), status(u64::MAX, "full"), status(7, "full")], "m");
        let counters = both.expect("they agree").expect("it is listed").counters;
        assert_eq!((counters.compared, counters.mismatched, counters.unrepaired), (6, 3, u64::MAX));
        assert!(merged(vec![status(0, "full"), status(0, "contracted")], "m").is_err());
        assert_eq!(merged(vec![status(0, "full")], "other"), Ok(None));
        let without = r#"{"key": "m", "stage": "live", "range": "full"}"#;
        assert!(serde_json::from_str::<MigrationStatus>(without).is_err(), "no counters are no evidence");
    }

    #[test]
    fn an_address_without_a_server_is_an_unknown_instance_unless_it_is_one_of_this_machine() {
        let refused = listen("127.0.0.1").local_addr().expect("an address").port();
        let port = serve(listen("127.0.0.1"), ONE);
        let both = Box::leak(Box::new([(port, "127.0.0.1"), (refused, "127.0.0.1")]));
        assert_eq!(request_at(both).len(), 1, "localhost has two addresses");
        let none = Box::leak(Box::new([(refused, "127.0.0.1")]));
        let instances = request_at(none);
        assert!(
            matches!(&instances[..], [Instance { state: InstanceState::Unknown(error), .. }] if error == probe::REFUSED)
        );
    }

    #[test]
    fn an_invalid_url_is_an_unknown_instance() {
        for url in ["", "app.internal", "ftp://x/", "http:///status"] {
            let instances = request(&[url.to_owned()], "m", TIMEOUT);
            let [Instance { state: InstanceState::Unknown(error), .. }] = &instances[..] else {
                panic!("{instances:?}")
            };
            assert!(error.contains("expected a URL"), "{error}");
        }
    }

    #[test]
    fn each_result_belongs_to_its_url() {
        let ports = [ONE, TWO].map(|body| serve(listen("127.0.0.1"), body));
        let resolve = |host: &str, port: u16, _: Duration| match host {
            "app.internal.1" => Ok(vec![SocketAddr::from(([127, 0, 0, 1], ports[0]))]),
            "app.internal.2" => Ok(vec![SocketAddr::from(([127, 0, 0, 1], ports[1]))]),
            _ => Err(io::Error::other(format!("no {host}:{port}"))),
        };
        let urls = ["http://none/", "http://app.internal.2/", "ftp://x/", "http://app.internal.1/"];
        let instances = request_with(&urls.map(str::to_owned), "m", TIMEOUT, &resolve);
        let ids: Vec<_> = instances.iter().map(|it| it.status().map(|status| status.instance.as_str())).collect();
        assert_eq!(ids, [None, Some("2"), None, Some("1")]);
        assert!(instances.iter().zip(urls).all(|(instance, url)| instance.url == url), "{instances:?}");
    }

    #[test]
    fn localhost_is_resolved_by_the_system() {
        let addresses = resolve("localhost", 80, TIMEOUT).expect("every system has it");
        assert!(addresses.iter().all(|address| address.ip().is_loopback() && address.port() == 80), "{addresses:?}");
    }
}
