//! Variables that override flags: typing errors are reported, and files that start programs cannot bypass the gate.

use crate::support::{Folder, Ran, ended};

const FLAGS: &str = "[flags]\nnew-checkout = false\ndark-mode = true\nhalf = \"50%\"\n";
const CODE: &str = "fn main() { flag!(\"new-checkout\"); flag!(\"dark-mode\"); flag!(\"half\", \"u\"); }\n";

fn folder() -> Folder {
    let folder = Folder::with("flags.toml", FLAGS);
    folder.write("src/main.rs", CODE);
    folder
}

fn run(folder: &Folder, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = folder.command(arguments);
    command.envs(variables.iter().copied());
    ended(command)
}

#[test]
fn a_variable_of_no_flag_is_reported_with_the_right_one() {
    let folder = folder();
    let variables = [("FLAG_NEW_CHEKOUT", "off"), ("FLAG_DARK_MODE", "off")];
    for command in ["list", "check"] {
        let ran = run(&folder, &variables, &[command]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.contains("FLAG_NEW_CHEKOUT overrides no declared flag"), "{command}: {ran:?}");
        assert!(ran.out.contains("did you mean FLAG_NEW_CHECKOUT?"), "{command}: {ran:?}");
        assert!(!ran.out.contains("FLAG_DARK_MODE overrides"), "{command}: {ran:?}");
    }
    let ran =
        run(&folder, &[("SHOP_NEW_CHEKOUT", "off")], &["list", "--source", "file:flags.toml", "--source", "env:SHOP_"]);
    assert!(ran.out.contains("did you mean SHOP_NEW_CHECKOUT?"), "{ran:?}");
    let ran = run(&folder, &[("FLAG_NEW_CHEKOUT", "off")], &["--json", "list"]);
    assert!(
        ran.out.contains("FLAG_NEW_CHEKOUT overrides no declared flag; did you mean FLAG_NEW_CHECKOUT?\"]"),
        "{ran:?}"
    );
}

#[test]
fn a_variable_with_an_invalid_value_is_reported() {
    let folder = folder();
    for command in ["list", "check"] {
        let ran = run(&folder, &[("FLAG_DARK_MODE", "1")], &[command]);
        let expected = "expected on, off, a percentage such as 25%, or the stage of a migration";
        assert!(ran.out.contains("FLAG_DARK_MODE") && ran.out.contains(expected), "{ran:?}");
    }
}

#[test]
fn a_file_that_starts_programs_cannot_turn_a_flag_on() {
    for (name, text, line) in [
        ("Dockerfile", "FROM scratch\nENV FLAG_NEW_CHECKOUT=on\n", 2),
        ("deploy/shop.Dockerfile", "ENV FLAG_NEW_CHECKOUT on\n", 1),
        ("docker-compose.yml", "services:\n  shop:\n    environment:\n      FLAG_NEW_CHECKOUT: \"on\"\n", 4),
        ("compose.yaml", "services:\n  shop:\n    environment:\n      - FLAG_NEW_CHECKOUT=25%\n", 4),
        ("k8s/shop.yaml", "env:\n  - name: FLAG_NEW_CHECKOUT\n    value: \"on\"\n", 2),
        ("task.json", "{\"environment\": [{\"name\": \"FLAG_NEW_CHECKOUT\", \"value\": \"true\"}]}\n", 1),
        ("shop.service", "[Service]\nEnvironment=FLAG_NEW_CHECKOUT=on\n", 2),
        ("app/Dockerfile", "ARG V=on\nENV FLAG_NEW_CHECKOUT=$V\n", 2),
        ("compose.yml", "services:\n  shop:\n    environment:\n      FLAG_NEW_CHECKOUT: ${FOO:-on}\n", 4),
        ("Makefile", "run:\n\tFLAG_NEW_CHECKOUT=on ./shop\n", 2),
        ("justfile", "run:\n  FLAG_NEW_CHECKOUT=on ./shop\n", 2),
        ("Jenkinsfile", "environment { FLAG_NEW_CHECKOUT = \"on\" }\n", 1),
        ("run.ps1", "$env:FLAG_NEW_CHECKOUT=\"on\"\n", 1),
        (".envrc", "export FLAG_NEW_CHECKOUT=on\n", 1),
        (".github/workflows/deploy.yml", "env:\n  FLAG_NEW_CHECKOUT: on\n", 2),
        (".cargo/config.toml", "[env]\nFLAG_NEW_CHECKOUT = \"on\"\n", 2),
        (".env.production", "FLAG_NEW_CHECKOUT=on\n", 1),
    ] {
        let folder = folder();
        folder.write(name, text);
        let ran = folder.run(&["check"]);
        assert_eq!(ran.code, 1, "{name}: {ran:?}");
        let expected = format!("{name}:{line}:");
        assert!(ran.out.contains(&expected) && ran.out.contains("error [override] FLAG_NEW_CHECKOUT sets"), "{ran:?}");
        folder.write(
            "flags.toml",
            &(FLAGS.replace("new-checkout = false\n", "")
                + "[flags.new-checkout]\nallow = { override = \"a demo\" }\n"),
        );
        let ran = folder.run(&["check"]);
        assert_eq!(ran.code, 0, "{name}: {ran:?}");
        assert!(ran.out.contains("1 allowed"), "{ran:?}");
    }
}

#[test]
fn variables_that_widen_nothing_are_no_errors() {
    let folder = folder();
    folder.write(
        "compose.yml",
        "environment:\n  FLAG_NEW_CHECKOUT: \"off\"\n  FLAG_DARK_MODE: \"on\"\n  FLAG_HALF: \"25%\"\n  # FLAG_NEW_CHECKOUT: on\n",
    );
    folder.write(".env.example", "FLAG_NEW_CHECKOUT=on\n");
    let ran = folder.run(&["check"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "0 errors, 0 warnings\n"), "{ran:?}");
    folder.write("flags.prod.toml", "[flags]\ndark-mode = false\n");
    let ran = folder.run(&["check"]);
    assert!(ran.out.contains("FLAG_DARK_MODE sets dark-mode to on"), "prod has it off: {ran:?}");
}

#[test]
fn a_typing_error_in_a_file_that_starts_programs_is_reported() {
    let folder = folder();
    folder.write("Dockerfile", "ENV FLAG_DRAK_MODE=off FLAG_HALF=1\n");
    let ran = folder.run(&["check"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.contains("Dockerfile:1:5: warning [override] FLAG_DRAK_MODE overrides no declared flag"),
        "{ran:?}"
    );
    assert!(ran.out.contains("did you mean FLAG_DARK_MODE?"), "{ran:?}");
    assert!(ran.out.contains("programs reject FLAG_HALF: got the text \"1\""), "{ran:?}");
}
