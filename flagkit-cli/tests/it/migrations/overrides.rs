//! Variables that set the stage of a migration.

use super::{expect, folder, state};

#[test]
fn a_variable_with_another_stage_is_an_error() {
    let folder = folder("live");
    for (file, text) in [
        ("Dockerfile", "ENV FLAG_SPLIT_NAME=ramp-down\n"),
        ("compose.yaml", "    environment:\n      FLAG_SPLIT_NAME: shadow\n"),
        (".env", "FLAG_SPLIT_NAME=off\n"),
        ("k8s.yaml", "- name: FLAG_SPLIT_NAME\n  value: \"contracted\"\n"),
    ] {
        folder.write(file, text);
        let shown =
            [file, "error [override] FLAG_SPLIT_NAME sets split-name to stage ", "flagkit migrate split-name advance"];
        expect(&folder, &["check"], 1, &shown);
        folder.remove(file);
    }
    folder.write("Dockerfile", "ENV FLAG_SPLIT_NAME=live\n");
    expect(&folder, &["check"], 0, &["0 errors"]);
    // Another environment is elsewhere.
    folder.write("flags.prod.toml", &state("shadow"));
    expect(&folder, &["check"], 1, &["[override]"]);
}

#[test]
fn a_variable_of_the_wrong_kind_is_a_warning() {
    let folder = folder("off");
    folder.write("Dockerfile", "ENV FLAG_SPLIT_NAME=on\n");
    expect(&folder, &["check"], 0, &["warning [override] programs reject FLAG_SPLIT_NAME", "takes a stage"]);
    folder.remove("Dockerfile");
    let mut command = folder.command(&["check"]);
    command.env("FLAG_SPLIT_NAME", "25%");
    let ran = crate::support::ended(command);
    assert!(ran.out.contains("warning [override] programs reject FLAG_SPLIT_NAME"), "{ran:?}");
    folder.write("Dockerfile", "ENV FLAG_PAY=live\n");
    folder.write("flags.toml", &(folder.read("flags.toml") + "[flags.pay]\nallow = { unused = \"a test\" }\n"));
    expect(&folder, &["check"], 0, &["warning [override] programs reject FLAG_PAY", "takes a switch or a percentage"]);
}
