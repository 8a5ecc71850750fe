//! A whole release with a migration: merged dark, served, checked, released, expanded, written on both sides, backfilled,
//! read from the new side, reverted, moved forward again, and contracted by a later release.
//!
//! The repository, the database and the processes are real: the example `migration`, on SQLite.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::{DEADLINE, Folder, wait_until};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/migration");

/// One instance of the service.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    /// Starts an instance of a release at a port; 0 is any free port.
    fn start(folder: &Folder, program_name: &str, release: &str, port: &str) -> Self {
        let mut command = Command::new(program(program_name));
        command.current_dir(folder.root()).args(["serve", "--database", "users.sqlite", "--flags", "flags.toml"]);
        command.args(["--release", release, "--port", port]).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("its address");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
        Self { child, address: address.to_owned() }
    }

    fn request(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time limit");
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nHost: users\r\nConnection: close\r\nContent-Length: {length}");
        write!(stream, "{head}\r\n\r\n{body}").expect("sent");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("text");
        let code = response.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status code");
        (code, response.split_once("\r\n\r\n").expect("a body").1.to_owned())
    }

    fn get(&self, path: &str) -> String {
        let (code, body) = self.request("GET", path, "");
        assert_eq!(code, 200, "{body}");
        body
    }

    fn port(&self) -> &str {
        self.address.rsplit(':').next().expect("a port")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a program of the example. Cargo builds examples only for tests of their own package, so this builds it.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let profile = test.parent().and_then(Path::parent).expect("target/debug/deps").to_owned();
    let program = profile.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "-p", "flagkit-example-migration", "--examples", "--target-dir"]);
        build.arg(profile.parent().expect("target")).current_dir(env!("CARGO_MANIFEST_DIR"));
        if profile.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo runs").success(), "the example is built");
    }
    program
}

/// The project, and two instances.
struct Project {
    folder: Folder,
    services: Vec<Service>,
}

impl Project {
    fn copy(&self, from: &str, to: &str) {
        let text = fs::read_to_string(Path::new(EXAMPLE).join(from)).expect("a file of the example");
        self.folder.write(to, &text);
    }

    fn apply_schema(&self) {
        let mut command = Command::new(program("migration"));
        command.current_dir(self.folder.root());
        command.args(["schema", "--database", "users.sqlite", "--migrations", "migrations"]);
        assert!(command.status().expect("it starts").success());
    }

    fn commit(&self, message: &str) {
        self.folder.git(&["add", "--all"]);
        self.folder.git(&["commit", "--quiet", "--message", message]);
    }

    #[track_caller]
    fn run(&self, arguments: &[&str], code: i32) -> String {
        let ran = self.folder.run(arguments);
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        ran.out + &ran.err
    }

    /// Takes a step of the migration, as a person at a terminal.
    #[track_caller]
    fn step(&self, arguments: &[&str]) {
        let screen = super::step(&self.folder, arguments);
        assert!(!screen.contains("not every instance"), "{screen}");
    }

    /// Writes a name through each instance, and reads it through each.
    #[track_caller]
    fn use_it(&self, first: &str) {
        for (user, writer) in self.services.iter().enumerate() {
            let (path, name) = (format!("/users/{user}"), format!("{first} Lovelace"));
            assert_eq!(writer.request("PUT", &path, &name), (204, String::new()));
            for reader in &self.services {
                assert_eq!(reader.get(&path), name);
            }
        }
    }

    /// Asserts that each instance returns the names that were written before.
    #[track_caller]
    fn assert_names(&self, first: &str) {
        for service in &self.services {
            assert_eq!(service.get("/users/0"), format!("{first} Lovelace"));
        }
    }
}

/// A pull request adds the code, the flags and the SQL. It is merged, and nothing changes for users.
fn merge_dark() -> Project {
    let project = Project { folder: Folder::new(), services: Vec::new() };
    project.folder.git(&["init", "--quiet", "--initial-branch=main"]);
    project.folder.write(".gitignore", "users.sqlite*\n");
    project.folder.write("flags.toml", "[flags]\n");
    project.copy("migrations/0001_create_users.sql", "migrations/0001_create_users.sql");
    project.commit("the service");
    project.apply_schema();

    project.folder.git(&["switch", "--quiet", "--create", "split-name"]);
    project.copy("flags.toml", "flags.toml");
    for file in ["store.rs", "service.rs"] {
        project.copy(file, &format!("src/{file}"));
    }
    project.copy("migrations/0002_split_name.sql", "migrations/0002_split_name.sql");
    project.commit("split the name");
    project.run(&["check", "--base", "main"], 0);
    project.folder.git(&["switch", "--quiet", "main"]);
    project.folder.git(&["merge", "--quiet", "--no-ff", "--message", "merge", "split-name"]);
    project
}

/// The build serves, and the gates name its instances.
fn serve(project: &mut Project) {
    project.services =
        vec!["0"; 2].into_iter().map(|port| Service::start(&project.folder, "migration", "r1", port)).collect();
    let [a, b] = [0, 1].map(|instance: usize| project.services[instance].address.clone());
    let gates = format!(
        "
[gate.release]
checks = [\"users\"]
look = [\"http://{a}/users/0/greeting\"]

[gate.data]
checks = [\"users\"]
instances = [\"http://{a}/status\", \"http://{b}/status\"]
compared = 8
drain = \"0s\"

[check.users]
url = \"http://{a}/users/0\"
expect = {{ status = 200, contains = \"Lovelace\" }}
"
    );
    let text = project.folder.read("flags.toml").replace("stage = \"off\"", "gate = \"data\"\nstage = \"off\"");
    project.folder.write("flags.toml", &(text.replace("on = false", "gate = \"release\"\non = false") + &gates));
    project.commit("gates");
    project.use_it("Ada");
    assert_eq!(project.services[0].get("/users/0/greeting"), "Hello, Ada Lovelace!", "merged, and dark");
}

/// A person turns a flag on, and looks at it.
fn go(project: &Project) {
    let mut terminal = project.folder.terminal(&["go", "greet-by-first-name"]);
    terminal.wait_for("Type greet-by-first-name to let it be seen: ");
    terminal.answer("greet-by-first-name");
    terminal.wait_for("Type yes to keep it: ");
    let service = &project.services[0];
    wait_until("the greeting is live", || service.get("/users/0/greeting") == "Hello, Ada!");
    terminal.answer("yes");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
}

/// Writes both sides, copies the old rows, and reads the new side.
fn migrate(project: &Project) {
    let missing = project.run(&["migrate", "split-name", "advance"], 3);
    assert!(missing.contains("no record of migrations/0002_split_name.sql"), "{missing}");
    project.apply_schema();
    project.run(&["migrate", "split-name", "expand-done"], 0);
    project.step(&["advance", "--to", "dual-write"]);
    let missing = project.run(&["migrate", "split-name", "advance"], 3);
    assert!(missing.contains("a backfill that began after every instance wrote both sides"), "{missing}");

    let started = jiff::Timestamp::now().to_string();
    let mut backfill = Command::new(program("migration"));
    backfill.current_dir(project.folder.root());
    let output = backfill.args(["backfill", "--database", "users.sqlite", "--flags", "flags.toml"]).output();
    let output = String::from_utf8(output.expect("it starts").stdout).expect("text");
    assert!(output.contains("2 rows, 2 copied, 0 mismatches"), "{output}");
    let certificate = ["backfill-done", "--started", &started, "--rows", "2", "--mismatches", "0"];
    project.run(&[&["migrate", "split-name"][..], &certificate].concat(), 0);

    project.step(&["advance", "--to", "shadow"]);
    project.assert_names("Ada");
    let missing = project.run(&["migrate", "split-name", "advance"], 3);
    assert!(missing.contains("compared"), "{missing}");
    (0..4).for_each(|_| project.assert_names("Ada"));
    project.step(&["advance", "--to", "live"]);
    project.assert_names("Ada");
    project.use_it("Augusta");
}

/// Reads the old side again, and then the new one. Neither way loses a write.
fn revert_and_go_on(project: &Project) {
    let text = project.run(&["revert", "split-name"], 0);
    assert!(text.contains("shadow"), "{text}");
    let services = &project.services;
    wait_until("each instance reads the old side", || {
        services.iter().all(|service| service.get("/status").contains("\"stage\":\"shadow\""))
    });
    project.assert_names("Augusta");
    // `status` records that every instance was seen; the comparisons after that count.
    project.run(&["migrate", "split-name", "status"], 0);
    project.use_it("Ada");
    (0..4).for_each(|_| project.assert_names("Ada"));
    project.step(&["advance", "--to", "live"]);
    project.assert_names("Ada");
    (0..8).for_each(|_| project.assert_names("Ada"));
    project.step(&["advance", "--to", "ramp-down"]);
    project.use_it("Augusta");
}

/// Completes, and drops the old column after a later release has no code for it.
fn contract(mut project: Project) {
    project.copy("contracted/store.rs", "src/store.rs");
    let early = project.run(&["check", "--against", "flags.toml"], 1);
    assert!(early.contains("split-name") && early.contains("ramp-down"), "{early}");
    project.step(&["advance", "--to", "complete"]);
    let stale = project.run(&["revert", "split-name"], 7);
    assert!(stale.contains("stale"), "{stale}");
    project.run(&["check", "--against", "flags.toml"], 0);
    project.use_it("Ada");

    project.copy("later/0003_drop_name.sql", "migrations/0003_drop_name.sql");
    let early = project.run(&["check"], 1);
    assert!(early.contains("[early-contract]"), "{early}");
    let missing = project.run(&["migrate", "split-name", "contract"], 3);
    assert!(missing.contains("got the range full, expected contracted"), "{missing}");

    // One instance after the other is replaced at its address.
    for instance in 0..2 {
        let port = project.services[instance].port().to_owned();
        drop(project.services.remove(instance));
        project.services.insert(instance, Service::start(&project.folder, "migration-contracted", "r2", &port));
        project.assert_names("Ada");
    }
    project.step(&["contract"]);
    project.run(&["check"], 0);
    project.apply_schema();
    project.assert_names("Ada");
    project.use_it("Augusta");
    project.commit("contract");
    project.run(&["log", "--verify"], 0);
}

#[test]
fn a_release_with_a_migration_goes_from_a_pull_request_to_the_drop() {
    let mut project = merge_dark();
    serve(&mut project);
    go(&project);
    migrate(&project);
    revert_and_go_on(&project);
    contract(project);
}
