//! Keys are checked in every kind of target that cargo builds. The error is at the key.

use super::project::Project;

/// Code in each kind of target. `KEY` is replaced by a key.
const TARGETS: [(&str, &str); 6] = [
    ("app/src/lib.rs", "/// ```\n/// assert!(!flagkit_core::flag!(\"KEY\"));\n/// ```\npub fn documented() {}\n"),
    ("app/src/main.rs", "fn main() { assert!(!flagkit_core::flag!(\"KEY\")); }\n"),
    ("app/examples/example.rs", "fn main() { assert!(!flagkit_core::flag!(\"KEY\")); }\n"),
    ("app/tests/test.rs", "#[test] fn dark() { assert!(!flagkit_core::flag!(\"KEY\")); }\n"),
    ("app/benches/bench.rs", "fn main() { assert!(!flagkit_core::flag!(\"KEY\")); }\n"),
    ("app/build.rs", "fn main() { assert!(!flagkit_core::flag!(\"KEY\")); }\n"),
];

#[test]
fn every_target_of_a_package_is_checked() {
    let project = Project::new();
    project.write("flags.toml", "[flags]\nold-banner = false\n");
    for (path, code) in TARGETS {
        project.write(path, &code.replace("KEY", "old-banner"));
    }
    project.builds(None);
    let output = project.cargo(&["test", "--doc"], None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

    for (path, code) in TARGETS {
        project.write(path, &code.replace("KEY", "old-baner"));
        let errors = if path == "app/src/lib.rs" {
            let output = project.cargo(&["test", "--doc"], None);
            assert!(!output.status.success(), "the documentation builds");
            String::from_utf8_lossy(&output.stdout).into_owned()
        } else {
            project.fails(None)
        };
        assert!(errors.contains("cannot find the flag `old-baner`"), "{path}: {errors}");
        assert!(errors.contains("did you mean `old-banner`?"), "{path}: {errors}");
        project.write(path, &code.replace("KEY", "old-banner"));
    }
}

#[test]
fn the_error_is_at_the_key_also_through_a_macro() {
    let project = Project::new();
    project.write("flags.toml", "[flags]\nold-banner = false\n");
    let code = |key: &str| {
        format!(
            "macro_rules! by_literal {{ ($key:literal) => {{ flagkit_core::flag!($key) }} }}\n\
             macro_rules! by_expr {{ ($key:expr) => {{ flagkit_core::flag!($key, id = 1) }} }}\n\
             macro_rules! by_tokens {{ ($($t:tt)*) => {{ flagkit_core::flag!($($t)*) }} }}\n\
             macro_rules! inside {{ () => {{ flagkit_core::flag!(\"{key}\") }} }}\n\
             pub fn all() -> [bool; 4] {{\n\
             [\n\
             by_literal!(\"{key}\"),\n\
             by_expr!(\"{key}\"),\n\
             by_tokens!(r\"{key}\", \"user-1\"),\n\
             inside!(),\n\
             ]\n}}\n"
        )
    };
    project.write("app/src/lib.rs", &code("old-banner"));
    project.builds(None);
    project.write("app/src/lib.rs", &code("old-baner"));
    let errors = project.fails(None);
    for location in ["lib.rs:7:13", "lib.rs:8:10", "lib.rs:9:12", "lib.rs:4:51"] {
        assert!(errors.contains(location), "{location} in {errors}");
    }
}
