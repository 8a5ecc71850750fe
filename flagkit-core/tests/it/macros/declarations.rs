//! A key that the flag file of a crate does not declare is a compile error. cargo builds a real crate here.

use super::project::Project;

const CODE: &str = "use flagkit_core::{flag, variant};\n\
    fn main() {\n    \
        let handle = flagkit_core::Flags::new();\n    \
        println!(\"{}\", flag!(\"new-checkout\"));\n    \
        assert!(variant!(in handle, \"theme\", id = 1).is_none());\n\
    }\n";

#[test]
fn an_undeclared_key_does_not_build() {
    let app = Project::new();
    app.write("app/src/main.rs", CODE);
    app.builds(None);

    // The compiler finds a new file only after a change of the code.
    app.write("flags.toml", "[flags]\nnew-chekout = false\n");
    app.write("app/src/main.rs", &format!("{CODE}\n// Changed.\n"));
    let errors = app.fails(None);
    assert!(errors.contains("cannot find the flag `new-checkout` in "), "{errors}");
    assert!(errors.contains("did you mean `new-chekout`?"), "{errors}");
    assert!(errors.contains("cannot find the flag `theme` in "), "{errors}");
    let command = format!("`flagkit new theme --file {}`", app.path("flags.toml").display());
    assert!(errors.contains(&format!("to declare it, dark, run {command}")), "{errors}");
    assert!(errors.contains("4:26") || errors.contains("main.rs:4"), "the error is at the literal: {errors}");
    app.builds(Some("off"));

    // Only the file changes.
    app.write("flags.toml", "[flags]\nnew-checkout = false\n[flags.theme]\non = false\n");
    app.builds(None);
    app.write("flags.toml", "[flags]\nnew-checkout = false\n");
    let errors = app.fails(None);
    assert!(errors.contains("`theme`") && !errors.contains("`new-checkout`"), "{errors}");

    app.write("flags.toml", "[flags]\nnew-checkout = = false\n");
    let errors = app.fails(None);
    assert!(errors.contains("flags.toml:2:16: "), "{errors}");

    // The nearest file counts. `FLAGKIT_MANIFEST` may name another one.
    app.write("app/flags.toml", "[flags]\nnew-checkout = false\ntheme = false\n");
    app.write("flags.toml", "[flags]\n");
    app.builds(None);
    app.write("app/others.toml", "[flags]\ntheme = false\n");
    let errors = app.fails(Some("others.toml"));
    assert!(errors.contains("`new-checkout`") && !errors.contains("`theme`"), "{errors}");
    let errors = app.fails(Some("nowhere.toml"));
    assert!(errors.contains("cannot read"), "{errors}");

    // A crate from a registry is not checked against the file of the workspace that builds it.
    app.write("app/.cargo-checksum.json", "{}");
    app.write("app/flags.toml", "[flags]\n");
    app.builds(None);
}

/// The attribute on its own makes the compiler track the file.
#[test]
fn an_undeclared_key_of_a_test_does_not_build() {
    let app = Project::new();
    app.write("flags.toml", "[flags]\nsearch = false\n");
    let test = "use flagkit_core::testing::flag_test;\n\n#[flag_test(\"search\")]\nfn works() {}\n";
    app.write("app/src/lib.rs", test);
    app.builds(None);
    app.write("flags.toml", "[flags]\nsearch-v2 = false\n");
    let errors = app.fails(None);
    assert!(errors.contains("cannot find the flag `search` in "), "{errors}");
    assert!(errors.contains("did you mean `search-v2`?"), "{errors}");
}
