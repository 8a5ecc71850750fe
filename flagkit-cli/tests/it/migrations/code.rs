//! The uses of migrations in code.

use super::{FULL, MIGRATION, expect, folder};
use crate::support::Folder;

#[test]
fn a_migration_that_is_read_as_a_switch_is_an_error() {
    let folder = folder("live");
    for code in ["flag!(\"split-name\")", "variant!(\"split-name\", &user)", "flags.is_on(\"split-name\", &user)"] {
        folder.write("src/other.rs", &format!("fn f() {{ let _ = {code}; }}\n"));
        let shown =
            ["src/other.rs:1:", "error [wrong-kind] split-name is a migration, which is never on", "migration! { pub"];
        expect(&folder, &["check"], 1, &shown);
    }
    folder.write("src/other.rs", "fn f() { flags.evaluate(\"split-name\", &user); snapshot.flag(\"split-name\"); }\n");
    expect(&folder, &["check"], 0, &["0 errors"]);
}

#[test]
fn another_flag_is_no_migration() {
    let folder = Folder::with("flags.toml", "[flags.pay]\non = true\n");
    folder.write("src/main.rs", "migration! { static PAY: \"pay\", range = Full }\nfn f() { flag!(\"pay\"); }\n");
    let shown = ["src/main.rs:1:26: error [wrong-kind] pay is not a migration", "write `kind = \"migration\"`"];
    expect(&folder, &["check"], 1, &shown);
}

#[test]
fn a_migration_is_used_by_its_macro_only() {
    let folder = Folder::with("flags.toml", MIGRATION);
    let unused = "error [unused] split-name is declared, but no code below this folder declares it with `migration!`";
    expect(&folder, &["check"], 1, &[unused, "at stage off or contracted"]);
    folder.write("src/main.rs", "fn f() { flag!(\"split-name\"); }\n");
    expect(&folder, &["check"], 1, &[unused, "[wrong-kind]"]);
    folder.write("src/main.rs", FULL);
    expect(&folder, &["check"], 0, &[]);
    folder.write("flags.toml", "[flags]\n");
    let shown = ["[undeclared] the migration split-name is not declared", "new split-name --kind migration"];
    expect(&folder, &["check"], 1, &shown);
}

#[test]
fn a_migration_needs_the_metadata_of_a_release() {
    let folder = Folder::with("flags.toml", "[flags.split-name]\nkind = \"migration\"\n");
    folder.write("src/main.rs", FULL);
    let names = ["description", "owner", "created", "expires"];
    let shown = names.map(|name| format!("warning [metadata] split-name has kind migration, but no {name}"));
    expect(&folder, &["check"], 0, &shown.each_ref().map(String::as_str));
}
