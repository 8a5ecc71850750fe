//! Where SQL files are, and which of them run forward.

use super::{expect, project};
use crate::support::Folder;

const DROP: &str = "DROP TABLE users;\n";
const DESTRUCTIVE: &str = "error destructive-sql the statement drops the table users, which running code may use";

#[test]
fn the_layouts_of_sqlx_diesel_and_refinery_are_read() {
    let folder = project("");
    for name in [
        "20240101_a.up.sql",
        "20240101_a.down.sql",
        "20240102_b.sql",
        "2024-01-03-000000_c/up.sql",
        "2024-01-03-000000_c/down.sql",
        "V1__d.sql",
        "V2__e.down.sql",
        "postgres/0001_f.SQL",
        "notes.txt",
    ] {
        folder.write(&format!("migrations/{name}"), DROP);
    }
    folder.write("crates/server/migrations/1_g.sql", DROP);
    folder.write("queries/h.sql", DROP);
    expect(
        &folder,
        &[],
        &[
            ("crates/server/migrations/1_g.sql", DESTRUCTIVE),
            ("migrations/2024-01-03-000000_c/up.sql", DESTRUCTIVE),
            ("migrations/20240101_a.up.sql", DESTRUCTIVE),
            ("migrations/20240102_b.sql", DESTRUCTIVE),
            ("migrations/V1__d.sql", DESTRUCTIVE),
            ("migrations/V2__e.down.sql", DESTRUCTIVE),
            ("migrations/postgres/0001_f.SQL", DESTRUCTIVE),
        ],
    );
}

#[test]
fn ignored_files_and_other_projects_are_left_out() {
    let folder = project("");
    folder.git(&["init", "-q"]);
    folder.write(".gitignore", "/migrations/local.sql\n");
    folder.write("migrations/local.sql", DROP);
    folder.write("other/flags.toml", "[flags]\n");
    folder.write("other/migrations/1_a.sql", DROP);
    folder.write("vendor/crate/.cargo-checksum.json", "{}");
    folder.write("vendor/crate/migrations/1_a.sql", DROP);
    expect(&folder, &[], &[]);
}

#[test]
fn no_file_that_git_tracks_is_hidden() {
    let folder = project("");
    folder.git(&["init", "-q"]);
    folder.write("migrations/1_a.sql", DROP);
    folder.write("migrations/sub/2_b.sql", DROP);
    folder.git(&["add", "-A"]);
    folder.write(".gitignore", "/migrations/\n");
    expect(&folder, &[], &[("migrations/1_a.sql", DESTRUCTIVE), ("migrations/sub/2_b.sql", DESTRUCTIVE)]);
    // A file for the search by `rg` hides nothing, tracked or not.
    folder.write(".gitignore", "");
    folder.write(".ignore", "*.sql\n");
    folder.write("migrations/.ignore", "*\n");
    folder.write("migrations/3_c.sql", DROP);
    let all = ["1_a.sql", "3_c.sql", "sub/2_b.sql"].map(|name| format!("migrations/{name}"));
    expect(&folder, &[], &all.each_ref().map(|path| (path.as_str(), DESTRUCTIVE)));
}

#[test]
fn a_hidden_folder_that_the_flag_file_names_is_searched() {
    let folder = project("[project]\nmigrations = [\".db\"]");
    folder.write(".db/.old/1_a.sql", DROP);
    expect(&folder, &[], &[(".db/.old/1_a.sql", DESTRUCTIVE)]);
}

#[test]
fn a_link_to_the_folder_is_followed_once() {
    let folder = project("");
    folder.write("db/sql/1_a.sql", DROP);
    std::os::unix::fs::symlink("db/sql", folder.path("migrations")).expect("a link");
    std::os::unix::fs::symlink("..", folder.path("db/sql/loop")).expect("a link");
    expect(&folder, &[], &[("migrations/1_a.sql", DESTRUCTIVE)]);
}

#[test]
fn a_share_of_the_partitions_has_not_contracted() {
    let folder = project("");
    let flags = folder.read("flags.toml").replacen(
        "stage = \"complete\"",
        "stage = \"complete\"\npartition = \"tenant\"\nrollout = 25",
        1,
    );
    folder.write("flags.toml", &flags);
    folder.write("migrations/1_a.sql", "-- flagkit: contract finished\nDROP TABLE users;\n");
    expect(&folder, &[], &[("migrations/1_a.sql", "its stage in flags.toml is complete@25%")]);
}

#[test]
fn the_flag_file_names_the_folders_and_the_first_version() {
    let settings = |settings: &str| {
        let folder = project(&format!("[project]\n{settings}"));
        folder.write("migrations/1_a.sql", DROP);
        for name in ["2023-12-31-235959_b/up.sql", "20240101_c.sql", "20240101120000_d.sql", "init.sql"] {
            folder.write(&format!("db/migrate/{name}"), DROP);
        }
        folder
    };
    expect(&settings(""), &[], &[("migrations/1_a.sql", DESTRUCTIVE)]);
    let folder = settings("migrations = [\"db/migrate\"]\nmigrations_since = \"20240101\"");
    let expected = ["20240101120000_d.sql", "20240101_c.sql", "init.sql"].map(|name| format!("db/migrate/{name}"));
    expect(&folder, &[], &expected.each_ref().map(|path| (path.as_str(), DESTRUCTIVE)));
    expect(&settings("migrations = []"), &[], &[]);
}

#[test]
fn invalid_settings_are_reported() {
    for (settings, message) in [
        ("migrations = [\"nowhere\"]", "project.migrations: got nowhere, expected a folder"),
        ("dialect = \"oracle\"", "unknown variant `oracle`, expected one of `postgres`, `mysql`, `sqlite`"),
        ("migrations_since = \"first\"", "got \"first\", expected a version"),
    ] {
        let ran = Folder::with("flags.toml", &format!("[project]\n{settings}\n[flags]\n")).run(&["check"]);
        assert!(ran.code == 1 && ran.out.contains(message), "{ran:?}");
    }
}

#[test]
fn a_migration_contracts_in_every_environment() {
    let folder = project("");
    folder.write("migrations/1_a.sql", "-- flagkit: contract split-name\nDROP TABLE users;\n");
    let early = |what: &str| format!("error early-contract the statement contracts split-name, but {what}");
    let path = "migrations/1_a.sql";
    folder.write("flags.prod.toml", "[flags.split-name]\nstage = \"complete\"\n");
    folder.write("flags.test.toml", "[flags.split-name]\nstage = \"ramp-down\"\n");
    let declared = folder.read("flags.toml").replace("stage = \"dual-write\"\n", "");
    folder.write("flags.toml", &declared);
    let log = folder.read(".flagkit/log.jsonl");
    expect(&folder, &[], &[(path, &early("the log has no certificate of its contract for flags.prod.toml"))]);
    let log = log + &super::certificate("split-name", "flags.prod.toml");
    folder.write(".flagkit/log.jsonl", &log);
    expect(&folder, &[], &[(path, &early("its stage in flags.test.toml is ramp-down"))]);
    folder.write("flags.test.toml", "[flags.split-name]\nstage = \"complete\"\n");
    expect(&folder, &[], &[(path, &early("the log has no certificate of its contract for flags.test.toml"))]);
    folder.write(".flagkit/log.jsonl", &(log.clone() + &super::certificate("split-name", "flags.test.toml")));
    expect(&folder, &[], &[]);
    // An edited certificate certifies nothing.
    let edited = super::certificate("split-name", "flags.test.toml").replace("tester", "another");
    folder.write(".flagkit/log.jsonl", &(log + &edited));
    expect(&folder, &[], &[(path, &early("the log has no certificate of its contract for flags.test.toml"))]);
}

#[test]
fn a_step_after_a_contract_voids_its_certificate() {
    let folder = project("");
    folder.write("migrations/1_a.sql", "-- flagkit: contract finished\nDROP TABLE users;\n");
    expect(&folder, &[], &[]);
    let later = super::entry("finished", "flags.toml", "advance", "2026-12-01T10:00:00Z");
    folder.write(".flagkit/log.jsonl", &(folder.log() + &later));
    expect(&folder, &[], &[("migrations/1_a.sql", "the log has no certificate of its contract for flags.toml")]);
}

#[test]
fn a_removed_migration_has_contracted_in_every_environment_of_the_log() {
    let folder = project("");
    folder.write("migrations/1_a.sql", "-- flagkit: contract removed\nDROP TABLE users;\n");
    expect(&folder, &[], &[]);
    let step = super::entry("removed", "flags.prod.toml", "advance", "2026-11-28T10:00:00Z");
    let log = folder.log() + &step;
    folder.write(".flagkit/log.jsonl", &log);
    let early = "error early-contract the statement contracts removed, but the log has no certificate of its contract \
                 for flags.prod.toml";
    expect(&folder, &[], &[("migrations/1_a.sql", early)]);
    folder.write(".flagkit/log.jsonl", &(log + &super::certificate("removed", "flags.prod.toml")));
    expect(&folder, &[], &[]);
}

#[test]
fn the_first_step_names_the_sql_that_was_applied() {
    let text = "[flags.split-name]\nkind = \"migration\"\ngate = \"a\"\n[gate.a]\ninstances = []\n";
    let folder = Folder::with("flags.toml", text);
    let advance = ["migrate", "split-name", "advance", "--dry-run"];
    let ran = folder.run(&advance);
    assert!(ran.code == 0 && !ran.out.contains("needs this SQL"), "{ran:?}");
    folder
        .write("migrations/1_a.sql", "-- flagkit: expand split-name\nALTER TABLE users ADD COLUMN first_name text;\n");
    let ran = folder.run(&advance);
    assert!(ran.code == 3 && ran.err.contains("no record of migrations/1_a.sql:1:4"), "{ran:?}");
    assert_eq!(folder.run(&["migrate", "split-name", "expand-done"]).code, 0);
    let ran = folder.run(&advance);
    assert!(ran.out.contains("needs this SQL, which was applied:\n  migrations/1_a.sql:1:4\n"), "{ran:?}");
}

#[test]
fn show_lists_where_a_migration_expands() {
    let folder = project("");
    let ran = folder.run(&["show", "split-name"]);
    assert!(ran.out.contains("expanded by\n  no SQL file with `-- flagkit: expand split-name`\n"), "{ran:?}");
    folder
        .write("migrations/1_a.sql", "-- flagkit: expand split-name\nALTER TABLE users ADD COLUMN first_name text;\n");
    let ran = folder.run(&["show", "split-name"]);
    assert!(ran.out.contains("expanded by\n  migrations/1_a.sql:1:4\n"), "{ran:?}");
    let ran = folder.run(&["show", "search"]);
    assert!(!ran.out.contains("expanded by"), "{ran:?}");
}
