//! `GET /status` serves the release, the stages and the counters of one process.
//!
//! Migrations belong to a process, so each instance is a child of the test.

use std::collections::HashSet;
use std::env;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::support::{Response, Served, TestDir, request, wait_until};
use flagkit_core::migration;
use flagkit_sources::{Builder, File, InstanceStatus};
use serde_json::{Value, json};

migration! { static SPLIT_NAME: "split-name", range = Full }
migration! { static MOVE_ORDERS: "move-orders", range = Full }
migration! { static DROP_STOCK: "drop-stock", range = Contracted }
migration! { static UNDECLARED: "undeclared", range = Full }

const FILE: &str = "FLAGKIT_TEST_INSTANCE_FILE";
const RELEASE: &str = "FLAGKIT_TEST_INSTANCE_RELEASE";
const CHILD: &str = "status::an_instance_serves_its_status_until_its_input_ends";

const DOCUMENT: &str = "\
[flags.split-name]
kind = \"migration\"
stage = \"dual-write\"
[flags.move-orders]
kind = \"migration\"
stage = \"live\"
partition = \"tenant\"
rollout = 25
[flags.drop-stock]
kind = \"migration\"
stage = \"complete\"
";

/// A child that serves its status, and obeys lines of its input.
struct Instance {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Instance {
    fn start(dir: &TestDir, release: Option<&str>) -> Self {
        let mut child = Command::new(env::current_exe().expect("this binary"));
        child.args(["--exact", CHILD, "--nocapture", "--test-threads=1"]).env(FILE, dir.path("flags.toml"));
        child.envs(release.map(|release| (RELEASE, release)));
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the child starts");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut instance = Self { child, input, output, address };
        instance.address = instance.answer("listens on ").parse().expect("an address");
        instance
    }

    /// Returns the rest of the next line with this part. The harness writes other lines.
    fn answer(&mut self, part: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).expect("a line") > 0, "no {part}");
            if let Some((_, rest)) = line.split_once(part) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Passes a line to the child, and waits until it has done what the line says.
    fn order(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("the child reads");
        self.answer("instance: done");
    }

    fn response(&self) -> Response {
        request(self.address, "GET", "/status", &[])
    }

    fn status(&self) -> Value {
        serde_json::from_slice(&self.response().body).expect("JSON")
    }

    fn migration(&self, key: &str) -> Value {
        let status = self.status();
        let mut migrations = status["migrations"].as_array().expect("a list").iter();
        migrations.find(|migration| migration["key"] == key).expect(key).clone()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The body of the child. As a test of its own, it has nothing to do.
#[test]
fn an_instance_serves_its_status_until_its_input_ends() {
    let Some(file) = env::var_os(FILE).map(PathBuf::from) else { return };
    let guard = Builder::new().source(File::new(&file)).install().expect("a valid file");
    SPLIT_NAME.register();
    MOVE_ORDERS.register();
    DROP_STOCK.register();
    UNDECLARED.register();
    let mut status = InstanceStatus::new(guard.flags().clone());
    if let Ok(release) = env::var(RELEASE) {
        status = status.release(release);
    }
    let served = Served::with_status(File::new(file.with_file_name("none.toml")), status);
    println!("instance: listens on {}", served.address);
    for order in io::stdin().lines() {
        let plan = SPLIT_NAME.plan().expect("a supported stage");
        match order.expect("a line").as_str() {
            "lose" => drop(plan.write(|| Ok(()), || Err("the second side is away"))),
            "abandon" => {
                let mut write = Box::pin(plan.write_async(|| async { Ok::<_, ()>(()) }, std::future::pending));
                let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
                assert!(Future::poll(write.as_mut(), context).is_pending());
            }
            "repair" => SPLIT_NAME.record_repaired(1),
            "compare" => {
                let read = plan.read(|| Ok::<_, ()>(1), || Ok(2)).compare(|old, new| old == new);
                assert_eq!(read.run(flagkit_core::migrate::ShadowRead::run), Ok(1));
            }
            order => panic!("unexpected order: {order}"),
        }
        println!("instance: done");
    }
}

#[test]
fn two_instances_serve_their_own_release_stages_and_ids() {
    let dirs = [TestDir::new(), TestDir::new()];
    dirs[0].replace("flags.toml", DOCUMENT);
    dirs[1].replace("flags.toml", DOCUMENT.replace("dual-write", "shadow"));
    let instances = [Instance::start(&dirs[0], Some("2026.11.3")), Instance::start(&dirs[1], None)];

    let response = instances[0].response();
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));

    let statuses = instances.each_ref().map(Instance::status);
    assert_eq!(statuses.each_ref().map(|status| &status["release"]), [&json!("2026.11.3"), &json!(null)]);
    let stages = instances.each_ref().map(|instance| instance.migration("split-name")["stage"].clone());
    assert_eq!(stages, [json!("dual-write"), json!("shadow")]);
    let ids: HashSet<&str> = statuses.iter().filter_map(|status| status["instance"].as_str()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.iter().all(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit())), "{ids:?}");
    for (status, instance) in statuses.iter().zip(&instances) {
        let started = status["started"].as_str().expect("a time");
        assert!(started.len() == 20 && started.starts_with("20") && started.ends_with('Z'), "{started}");
        for member in ["instance", "started"] {
            assert_eq!(instance.status()[member], status[member], "{member} stays");
        }
    }
}

#[test]
fn a_status_lists_every_migration_with_its_range() {
    let dir = TestDir::new();
    dir.replace("flags.toml", DOCUMENT);
    let instance = Instance::start(&dir, None);
    let counters = json!({
        "compared": 0, "mismatched": 0, "comparisons_failed": 0,
        "second_writes_failed": 0, "second_writes_abandoned": 0, "repaired": 0, "unrepaired": 0,
    });
    let full = |key: &str, stage: Option<&str>, partition: Option<&str>, rollout: Option<&str>| {
        json!({
            "key": key, "stage": stage, "partition": partition, "rollout": rollout,
            "range": "full", "first": "off", "last": "complete", "counters": counters,
        })
    };
    let mut contracted = full("drop-stock", Some("complete"), None, None);
    (contracted["range"], contracted["first"]) = (json!("contracted"), json!("complete"));
    contracted["last"] = json!("contracted");
    let status = instance.status();
    let expected = json!([
        contracted,
        full("move-orders", Some("live"), Some("tenant"), Some("25%")),
        full("split-name", Some("dual-write"), None, None),
        full("undeclared", None, None, None),
    ]);
    assert_eq!(status["migrations"], expected);
    let mut members: Vec<&str> = status.as_object().expect("an object").keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["instance", "migrations", "release", "revision", "started"]);
}

#[test]
fn a_status_counts_lost_and_repaired_writes() {
    let dir = TestDir::new();
    dir.replace("flags.toml", DOCUMENT);
    let mut instance = Instance::start(&dir, None);
    for order in ["lose", "lose", "abandon", "repair"] {
        instance.order(order);
    }
    let counters = instance.migration("split-name")["counters"].clone();
    let counts = ["second_writes_failed", "second_writes_abandoned", "repaired", "unrepaired"];
    assert_eq!(counts.map(|count| counters[count].as_u64()), [2, 1, 1, 2].map(Some));
    assert_eq!(instance.migration("move-orders")["counters"]["unrepaired"], 0);
}

#[test]
fn a_status_follows_the_file_and_counts_comparisons() {
    let dir = TestDir::new();
    dir.replace("flags.toml", DOCUMENT);
    let mut instance = Instance::start(&dir, None);
    let before = instance.status()["revision"].as_u64().expect("a number");
    dir.replace("flags.toml", DOCUMENT.replace("dual-write", "shadow"));
    wait_until("the next stage", || instance.migration("split-name")["stage"] == "shadow");
    assert_eq!(instance.status()["revision"], before + 1);
    instance.order("compare");
    let counters = instance.migration("split-name")["counters"].clone();
    assert_eq!([&counters["compared"], &counters["mismatched"]], [1, 1]);
}

#[test]
fn a_standalone_server_serves_the_revision_of_its_file() {
    let dir = TestDir::new();
    dir.replace("flags.toml", "[flags]\na = true\n");
    let served = Served::new(dir.file("flags.toml"));
    let status = || serde_json::from_slice::<Value>(&served.get("/status").body).expect("JSON");
    let before = status();
    assert_eq!([&before["release"], &before["migrations"]], [&json!(null), &json!([])]);
    dir.replace("flags.toml", "[flags]\na = false\n");
    wait_until("the next revision", || status()["revision"] == before["revision"].as_u64().expect("a number") + 1);
    // A status is read-only.
    assert_eq!(served.request("POST", "/status", &[]).status, 405);
}
