//! The databases: a file of SQLite, and a server of PostgreSQL that listens on a socket in a temporary folder.

use tempfile::TempDir;

/// A database that ends with this value.
pub(crate) struct Database {
    pub(crate) address: String,
    #[cfg(unix)]
    _server: Option<postgresql::Server>,
    _folder: TempDir,
}

/// Returns an empty database of SQLite.
pub(crate) fn sqlite() -> Database {
    let folder = tempfile::tempdir().expect("a folder");
    let address = folder.path().join("users.sqlite").to_str().expect("UTF-8").to_owned();
    Database {
        address,
        #[cfg(unix)]
        _server: None,
        _folder: folder,
    }
}

#[cfg(unix)]
pub(crate) use postgresql::start as postgresql;

#[cfg(unix)]
mod postgresql {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, chown};
    use std::os::unix::process::CommandExt as _;
    use std::path::{Path, PathBuf};
    use std::process::{Child, Command, Stdio};

    use postgres::{Client, NoTls};
    use tempfile::TempDir;

    use super::Database;
    use crate::wait_until;

    pub(crate) struct Server {
        child: Child,
    }

    /// Starts a server, or returns `None` where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Database> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed");
            println!("SKIPPED: PostgreSQL is not installed");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let user = unprivileged(&folder);
        let command = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
            if let Some(user) = user {
                command.uid(user).gid(user);
            }
            command
        };
        let initialized = command("initdb")
            .args([
                "--pgdata=data",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .status();
        assert!(initialized.expect("initdb starts").success());
        let log = fs::File::create(folder.path().join("log")).expect("a file");
        let child = command("postgres")
            .args(["-D", "data", "-k"])
            .arg(folder.path())
            // No port: it listens only on the socket.
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"])
            .stderr(log)
            .spawn()
            .expect("postgres starts");
        let mut server = Server { child };
        let socket = folder.path().to_str().expect("UTF-8").replace('/', "%2F");
        let address = format!("postgres://postgres@{socket}/postgres");
        wait_until("PostgreSQL accepts connections", || {
            let ended = server.child.try_wait().expect("its state");
            assert_eq!(ended, None, "{}", fs::read_to_string(folder.path().join("log")).unwrap_or_default());
            Client::connect(&address, NoTls).is_ok()
        });
        Some(Database { address, _server: Some(server), _folder: folder })
    }

    impl Drop for Server {
        fn drop(&mut self) {
            // An interrupt ends all sessions, and removes the shared memory.
            let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
            let _ = self.child.wait();
        }
    }

    /// Returns the folder of the programs: the newest one of Debian's, or the one in `PATH`.
    fn programs() -> Option<PathBuf> {
        let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
        folders.sort();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = folders.into_iter().rev().chain(std::env::split_paths(&path));
        all.into_iter().find(|folder| ["initdb", "postgres"].iter().all(|name| folder.join(name).exists()))
    }

    /// PostgreSQL does not run as root. Gives the folder to another user in this case, and returns the user's number.
    fn unprivileged(folder: &TempDir) -> Option<u32> {
        let is_root = fs::metadata(folder.path()).expect("its owner").uid() == 0;
        is_root.then(|| {
            let users = fs::read_to_string("/etc/passwd").expect("the users");
            let number = |name: &str| {
                let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
                line.split(':').nth(2)?.parse().ok()
            };
            let user = number("postgres").or_else(|| number("nobody")).expect("a user without privileges");
            chown(Path::new(folder.path()), Some(user), None).expect("the folder changes its owner");
            user
        })
    }
}
