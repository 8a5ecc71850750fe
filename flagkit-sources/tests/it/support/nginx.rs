//! A real nginx on a free loopback port. Everything that it reads and writes is in a temporary directory.

#![allow(dead_code, unreachable_pub)] // each test uses a part of it, and is a crate of its own

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::program::program;
use crate::support::{DEADLINE, wait_until};

/// A request from nginx's log.
#[derive(Clone, Debug)]
pub struct Logged {
    /// The number of reloads before this request.
    pub generation: u32,
    pub path: String,
    pub status: u16,
    pub accept: String,
    pub content_type: String,
    pub content_encoding: String,
    pub tag: String,
}

impl Logged {
    pub fn is_stream_request(&self) -> bool {
        self.accept == "text/event-stream"
    }
}

/// A server for the files of its directory. It ends when dropped.
pub struct Nginx {
    program: PathBuf,
    dir: TempDir,
    port: u16,
    listen: String,
    server: String,
    generation: u32,
    child: Option<Child>,
}

impl Nginx {
    /// Starts nginx with these directives, or returns `None` if it is not installed. `listen` follows the address, and
    /// `server` goes into the block of that name.
    pub fn start(listen: &str, server: &str) -> Option<Self> {
        let program = program("nginx")?;
        let mut nginx = Self {
            program,
            dir: tempfile::tempdir().expect("a temporary directory"),
            port: 0,
            listen: listen.to_owned(),
            server: server.to_owned(),
            generation: 0,
            child: None,
        };
        fs::create_dir(nginx.path("www")).expect("a directory");
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            nginx.port = free.expect("a free port").port();
            // Another process may have taken the port meanwhile.
            if nginx.try_start() {
                return Some(nginx);
            }
        }
        panic!("nginx does not start: {}", nginx.errors());
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path of a served file or directory.
    pub fn served(&self, name: &str) -> PathBuf {
        self.path("www").join(name)
    }

    /// Writes a file in place.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.served(name), text).expect("the file can be written");
    }

    /// Replaces a file by a rename.
    pub fn replace(&self, name: &str, text: &str) {
        let new = self.path("new");
        fs::write(&new, text).expect("the file can be written");
        fs::rename(new, self.served(name)).expect("the file can be moved");
    }

    /// The requests and responses so far.
    pub fn log(&self) -> Vec<Logged> {
        let text = fs::read_to_string(self.path("access.log")).unwrap_or_default();
        // The last line may be incomplete.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(Self::parse).collect()
    }

    fn parse(line: &str) -> Logged {
        let fields: Vec<&str> = line.split('|').collect();
        let [generation, path, status, accept, content_type, content_encoding, tag] = fields[..] else {
            panic!("not a line of this log: {line}");
        };
        Logged {
            generation: generation.parse().expect("a number"),
            path: path.to_owned(),
            status: status.parse().expect("a status"),
            accept: accept.to_owned(),
            content_type: content_type.to_owned(),
            content_encoding: content_encoding.to_owned(),
            tag: tag.to_owned(),
        }
    }

    /// Makes nginx reload its configuration, which replaces its workers after a while.
    pub fn reload(&mut self) -> u32 {
        self.generation += 1;
        self.configure();
        self.signal("reload");
        self.generation
    }

    /// Stops nginx and closes all connections.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        self.signal("stop");
        let start = Instant::now();
        while start.elapsed() < DEADLINE && child.try_wait().is_ok_and(|status| status.is_none()) {
            std::thread::park_timeout(Duration::from_millis(2));
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Starts it again on the same port.
    pub fn start_again(&mut self) {
        assert!(self.try_start(), "nginx does not start again: {}", self.errors());
    }

    fn try_start(&mut self) -> bool {
        self.configure();
        let stderr = File::create(self.path("stderr.log")).expect("a file");
        let mut child = self.command().stdout(Stdio::null()).stderr(stderr).spawn().expect("nginx can be run");
        // nginx writes its pid after it has bound its port.
        let pid = self.path("nginx.pid");
        let is_ready = || fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n'));
        let mut has_ended = false;
        wait_until("nginx starts", || {
            has_ended = child.try_wait().expect("a child").is_some();
            has_ended || is_ready()
        });
        if !has_ended {
            self.child = Some(child);
        }
        !has_ended
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("-p").arg(self.dir.path()).arg("-c").arg(self.path("nginx.conf"));
        command
    }

    fn signal(&self, signal: &str) {
        let output = self.command().args(["-s", signal]).output().expect("nginx can be run");
        // It may have ended by itself before a drop.
        assert!(
            output.status.success() || std::thread::panicking() || signal == "stop",
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn configure(&self) {
        let prefix = self.dir.path().display();
        // Its workers would run as a user who cannot read the directory.
        let is_root = fs::metadata(self.dir.path()).expect("it was made").uid() == 0;
        let user = if is_root { "user root;" } else { "" };
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path \"{prefix}/{what}\";\n"))
            .concat();
        let Self { port, listen, server, generation, .. } = self;
        let text = format!(
            "daemon off;\nmaster_process on;\nworker_processes 1;\n{user}\npid \"{prefix}/nginx.pid\";\n\
             error_log \"{prefix}/error.log\" info;\nevents {{ worker_connections 64; }}\nhttp {{\n{temporary}\
             types {{ application/json json; }}\ndefault_type application/octet-stream;\n\
             log_format fields '$generation|$uri|$status|$http_accept|$sent_http_content_type|\
             $sent_http_content_encoding|$sent_http_etag';\naccess_log \"{prefix}/access.log\" fields;\n\
             server {{\nlisten 127.0.0.1:{port} {listen};\nset $generation {generation};\nroot \"{prefix}/www\";\n\
             {server}\n}}\n}}\n"
        );
        fs::write(self.path("nginx.conf"), text).expect("the configuration can be written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn errors(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.path(name)).unwrap_or_default();
        read("stderr.log") + &read("error.log")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Runs an installed program, and expects it to succeed.
pub fn run(program: &Path, directory: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).current_dir(directory).stdin(Stdio::null()).output();
    let output = output.expect("it can be run");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{}: {stderr}", arguments.join(" "))) }
}
